"""A project of the real DAGs and notebooks for each file of tests, and its registry."""

from projects import project as project
from projects import registry as registry
