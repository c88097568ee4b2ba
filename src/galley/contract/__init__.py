"""The contract: columns that a project declares, and what holds files and frames to them."""

from galley.contract.columns import Column
from galley.contract.contract import Contract
from galley.contract.learnable import check_classes, check_varied

__all__ = ["Column", "Contract", "check_classes", "check_varied"]
