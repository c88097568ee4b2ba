"""galley: notebook stages on Airflow, a person's review, and only then production.

What a notebook or a program of yours imports is listed here, and in `galley.contract`, `galley.training`,
`galley.problems`, `galley.review`, `galley.airflow` and `galley.testing`; every other module may change. Importing this
imports nothing else.
"""

from typing import TYPE_CHECKING

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.days import Day as Day
    from galley.errors import ContractBreach as ContractBreach
    from galley.errors import DecisionError as DecisionError
    from galley.errors import GalleyError as GalleyError
    from galley.errors import MissingInput as MissingInput
    from galley.errors import ModelNotFound as ModelNotFound
    from galley.errors import OutOfMemory as OutOfMemory
    from galley.errors import ParameterError as ParameterError
    from galley.markdown import escaped as escaped
    from galley.proof.decision import APPROVE as APPROVE
    from galley.proof.decision import recorded as recorded
    from galley.proof.verify import verify as verify
    from galley.registry import card as card
    from galley.registry import links as links
    from galley.registry.evidence import evidence as evidence
    from galley.registry.evidence import reports_before as reports_before
    from galley.registry.folder import model_digest as model_digest
    from galley.registry.folder import model_files as model_files
    from galley.registry.journal import champion_periods as champion_periods
    from galley.registry.models import connect as connect
    from galley.registry.models import registry_errors as registry_errors
    from galley.registry.models import resolve as resolve
    from galley.registry.production import verify_production as verify_production
    from galley.registry.promotion import differing as differing
    from galley.registry.promotion import log_reports as log_reports
    from galley.registry.promotion import promote as promote
    from galley.registry.promotion import record as record
    from galley.registry.promotion import rollback as rollback
    from galley.registry.promotion import rollback_target as rollback_target
    from galley.registry.selection import choose as choose
    from galley.registry.versions import Registered as Registered
    from galley.registry.versions import register as register
    from galley.registry.versions import training_tags as training_tags
    from galley.scoring.score import score as score
    from galley.settings import Settings as Settings
    from galley.stage import Stage as Stage
    from galley.storage import files as files

_NAMES = {
    "APPROVE": "galley.proof.decision",
    "ContractBreach": "galley.errors",
    "Day": "galley.days",
    "DecisionError": "galley.errors",
    "GalleyError": "galley.errors",
    "MissingInput": "galley.errors",
    "ModelNotFound": "galley.errors",
    "OutOfMemory": "galley.errors",
    "ParameterError": "galley.errors",
    "Registered": "galley.registry.versions",
    "Settings": "galley.settings",
    "Stage": "galley.stage",
    "champion_periods": "galley.registry.journal",
    "choose": "galley.registry.selection",
    "connect": "galley.registry.models",
    "differing": "galley.registry.promotion",
    "escaped": "galley.markdown",
    "evidence": "galley.registry.evidence",
    "log_reports": "galley.registry.promotion",
    "model_digest": "galley.registry.folder",
    "model_files": "galley.registry.folder",
    "promote": "galley.registry.promotion",
    "record": "galley.registry.promotion",
    "recorded": "galley.proof.decision",
    "register": "galley.registry.versions",
    "registry_errors": "galley.registry.models",
    "reports_before": "galley.registry.evidence",
    "resolve": "galley.registry.models",
    "rollback": "galley.registry.promotion",
    "rollback_target": "galley.registry.promotion",
    "score": "galley.scoring.score",
    "training_tags": "galley.registry.versions",
    "verify": "galley.proof.verify",
    "verify_production": "galley.registry.production",
}

_MODULES = {
    "card": "galley.registry.card",
    "files": "galley.storage.files",
    "links": "galley.registry.links",
}

__version__ = "0.1.0"
__all__ = sorted((*_NAMES, *_MODULES))
__getattr__ = from_modules(__name__, _NAMES, _MODULES)
