"""The registered model: its versions, its aliases and its journal; and how a version joins it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from galley.days import Day
from galley.errors import DecisionError, ModelNotFound
from galley.handover import is_ad_hoc, keeps_versions
from galley.proof.decision import (
    ABSENT,
    APPROVE,
    DECISION_TAG,
    DIGEST_TAG,
    DS_TAG,
    EVIDENCE_TAG,
    MODEL,
    Version,
)
from galley.registry import journal
from galley.registry.evidence import evidence, reports_before
from galley.registry.folder import model_digest, model_files
from galley.registry.journal import LAST_MOVES_TAG, Entry
from galley.registry.models import CHALLENGER, CHAMPION, answered, download, registry_client, registry_errors
from galley.settings import Settings, absolute_path, relative_name
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.models import Model as MlflowModel

T = TypeVar("T")

LEARNED_FROM = "galley.learned_from/"
"""Tags of the run of a training; they end in the name of a file that it learned from, whose digest they hold."""
AD_HOC_TAG = "galley.ad_hoc"
"""Tag of the run of a training in JupyterLab."""
TRAINED_ON = "galley.trained_on"
"""Tag of a version: the days that it was trained on."""
_ALL = 10_000
_RECENT = 5
"""How many of the newest versions are looked at, at most, for the last that was approved, or is of the newest day."""
_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
"""What MLflow says where there is no such model, version or alias."""


class Registered:
    """The registered model of the settings.

    The whole journal and all aliases are read in one call, so that they belong together; it takes longer with each
    version there is, so that what is done each day or week asks for a version or an alias.
    """

    def __init__(self, client: "MlflowClient", settings: Settings) -> None:
        self.name = settings.model.name
        self._client = client
        self._settings = settings
        self._known: dict[str, Version] = {}

    @cached_property
    def journal(self) -> list[Entry]:
        """All moves of the champion, oldest first. Raises ModelNotFound if nothing was ever registered."""
        return journal.entries(self._model.tags)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The versions that aliases name. Raises ModelNotFound if nothing was ever registered."""
        return {alias: str(version) for alias, version in self._model.aliases.items()}

    @cached_property
    def versions(self) -> dict[str, Version]:
        """All versions by their numbers: after five years hundreds, so that what is done each week asks for a few."""
        return self._search("", _ALL)

    def get(self, version: str) -> Version | None:
        """A version by its number; None if there is none."""
        if version not in self._known and version.isascii() and version.isdecimal():
            found = self._found(lambda: self._client.get_model_version(self.name, version))
            if found is not None:
                self._known[version] = Version(version, found.tags)
        return self._known.get(version)

    def find(self, version: str) -> Version:
        """A version by its number. Raises DecisionError if there is none."""
        found = self.get(version)
        if found is None:
            known = ", ".join(sorted(self.versions, key=int))
            raise DecisionError(f"{self.name} has no version {version!r}. Give one of {known}.")
        return found

    def alias(self, name: str) -> Version | None:
        """The version that an alias names now; None if it names none."""
        found = self._found(lambda: self._client.get_model_version_by_alias(self.name, name))
        return None if found is None else Version(str(found.version), found.tags)

    def moves_up_to(self, day: date) -> list[Entry]:
        """Moves of the champion, with the one among them that was in force when a day (UTC) ended.

        They are the last ones, which the champion carries, or for a day before those the whole journal. Raises
        ModelNotFound if nothing was ever registered.
        """
        champion = self.alias(CHAMPION)
        last = journal.last_moves(champion.tags) if champion else []
        return last if journal.champion_on(last, day) else self.journal

    def all_of_day(self, ds: str) -> list[Version]:
        """The versions that were trained for a day."""
        return [*self._search(f" and tags.`{DS_TAG}` = '{ds}'", _ALL).values()]

    def of_day(self, ds: str) -> Version:
        """The newest version that was trained for a day."""
        found = self.all_of_day(ds)
        if not found:
            raise DecisionError(
                f"No version of {self.name} is registered for {ds}. "
                f"Run {self._settings.model.train} for that day first, up to the stage that registers it."
            )
        return max(found, key=lambda version: version.age)

    def recent(self) -> list[Version]:
        """The versions that were registered last."""
        return [*self._search("", _RECENT).values()]

    def approved(self) -> list[Version]:
        """The newest versions that were approved, and the champion, which may be older and have been approved later."""
        found = self._search(f" and tags.`{DECISION_TAG}` = '{APPROVE}'", _RECENT)
        champion = self.alias(CHAMPION)
        return [*found.values(), *([champion] if champion else [])]

    def with_history(self) -> list[Version]:
        """The versions that carry the last moves: one, or more where a promotion broke off."""
        return [*self._search(f" and tags.`{LAST_MOVES_TAG}` LIKE '%'", _ALL).values()]

    @cached_property
    def _model(self) -> "RegisteredModel":
        found = self._found(lambda: self._client.get_registered_model(self.name))
        if found is None:
            train = self._settings.model.train
            raise ModelNotFound(f"No model {self.name} is registered. Run the DAG {train} first.{self.renamed()}")
        return found

    def renamed(self) -> str:
        """A hint where MLflow has a champion of a name that galley.toml does not have: the model may be renamed."""
        with registry_errors(self._settings):
            known = self._client.search_registered_models()
        others = [
            one.name for one in known if CHAMPION in one.aliases and one.name not in self._settings.project.models
        ]
        if not others:
            return ""
        return (
            f" MLflow has champions of {', '.join(others)}, which galley.toml does not declare. If the model was "
            "renamed, give it its former name, for which its decisions are signed, or have it approved under the new "
            "one."
        )

    def _found(self, ask: Callable[[], T]) -> T | None:
        """The answer of the registry; None where there is no such thing."""
        from mlflow import MlflowException

        with registry_errors(self._settings):
            try:
                return answered(ask(), self._settings)
            except MlflowException as error:
                if error.error_code not in _MISSING:
                    raise
                return None

    def _search(self, condition: str, most: int) -> dict[str, Version]:
        """The newest versions that fulfil a condition on their tags, by their numbers."""
        with registry_errors(self._settings):
            found = self._client.search_model_versions(
                f"name='{self.name}'{condition}", max_results=most, order_by=["version_number DESC"]
            )
        return {str(version.version): Version(str(version.version), version.tags) for version in found}


def training_run(folder: Path) -> str:
    """The MLflow run that a model's folder says it comes from."""
    return str(_description(folder).run_id)


def training_tags(day: Day, *learned_from: Path) -> dict[str, str]:
    """Tags for the MLflow run of a training: its day, and the digests of the files that the model learns from.

    In JupyterLab they say that it is ad hoc, and so does the run's name.
    """
    names = {relative_name(path, day.settings): files.digest(path) for path in learned_from}
    ad_hoc = {AD_HOC_TAG: "true", "mlflow.runName": f"ad hoc: train {day}"} if is_ad_hoc() else {}
    return {DS_TAG: day.ds, **ad_hoc, **{LEARNED_FROM + name: digest for name, digest in names.items()}}


def register(
    day: Day, metrics: Mapping[str, float], *, stage: str, trained_on: Sequence[str] = (), ad_hoc: bool = False
) -> str:
    """Register the day's model as challenger, with the digests of its evidence, and return its version.

    JupyterLab registers nothing, and the version is blank, unless it is asked to by `ad_hoc`: a new version of a day
    makes the answer to its review void. `galley diff` registers nothing at all.
    `stage` is the stage that registers it: the reports of those before it are evidence. `trained_on` are the days that
    the model learned from; left out, the day itself. The same model registered again keeps its version. An older day's
    model does not become challenger over a newer one's. Raises DecisionError if the folder is not what the training
    logged to MLflow, and if what it learned from changed since: then the model may have seen the rows that it is
    judged on.
    """
    if is_ad_hoc() and not (ad_hoc and keeps_versions()):
        return ""
    settings = day.settings
    client = registry_client(settings)
    with registry_errors(settings):
        source = _logged_model(client, day.models)
    digests = evidence(day, reports_before(day, stage))
    if model_digest(download(source, settings)) != digests[MODEL]:
        raise DecisionError(f"The model in {day.models} is not what its training logged to MLflow. Train it again.")
    _require_same_rows(client, day)
    tags = {
        DS_TAG: day.ds,
        TRAINED_ON: json.dumps(list(trained_on) or [day.ds]),
        **_digest_tags(digests),
    }
    name = settings.model.name
    with registry_errors(settings):
        _make_registered_model(client, name)
        registered = Registered(client, settings)
        same = _same(registered, tags)
        version = same.version if same else _create(client, name, source, day, tags)
        if same:
            former = {DIGEST_TAG + name: digest for name, digest in digests.items() if DIGEST_TAG + name in same.tags}
            new = {key: value for key, value in (tags | former).items() if same.tags.get(key) != value}
            tag(client, settings, version, new)
        for metric, value in metrics.items():
            client.log_metric(training_run(day.models), metric, value)
        _challenge(client, registered, Version(version, tags))
    return version


def tag(client: "MlflowClient", settings: Settings, version: str, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    with registry_errors(settings):
        for key, value in tags.items():
            client.set_model_version_tag(settings.model.name, version, key, value)


def _description(folder: Path) -> "MlflowModel":
    from mlflow.models import Model as MlflowModel

    model_files(folder)
    return MlflowModel.load(str(files.local(folder)))


def _logged_model(client: "MlflowClient", folder: Path) -> str:
    """The URI of what was logged to MLflow when the model in this folder was trained."""
    from mlflow import MlflowException

    logged = _description(folder)
    if logged.model_id:
        return f"models:/{logged.model_id}"
    try:
        return f"{client.get_run(training_run(folder)).info.artifact_uri}/model"
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ModelNotFound(f"MLflow does not know the run of {folder}: {error}. Train it again.") from None


def _require_same_rows(client: "MlflowClient", day: Day) -> None:
    with registry_errors(day.settings):
        tags = client.get_run(training_run(day.models)).data.tags
    learned = {key.removeprefix(LEARNED_FROM): value for key, value in tags.items() if key.startswith(LEARNED_FROM)}
    for name, digest in learned.items():
        path = absolute_path(name, day.settings)
        if digest != (files.digest(path) if path.is_file() else ABSENT):
            raise DecisionError(
                f"{name} changed since the model of {day} was trained on it, so that the model may have learned from "
                "the rows it is judged on. Train it again."
            )


def _make_registered_model(client: "MlflowClient", name: str) -> None:
    from mlflow import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _digest_tags(digests: Mapping[str, str]) -> dict[str, str]:
    """The model's digest as a tag of its own, by which its files are checked; all others in one, for people to see."""
    others = {name: digest for name, digest in digests.items() if name != MODEL}
    return {DIGEST_TAG + MODEL: digests[MODEL], EVIDENCE_TAG: json.dumps(others, sort_keys=True, ensure_ascii=False)}


def _same(registered: Registered, tags: Mapping[str, str]) -> Version | None:
    """The version that already is this day's model, byte for byte."""
    same = DIGEST_TAG + MODEL
    return next((one for one in registered.all_of_day(tags[DS_TAG]) if one.tags.get(same) == tags[same]), None)


def _create(client: "MlflowClient", name: str, source: str, day: Day, tags: Mapping[str, str]) -> str:
    # The tags go with the creation, so that a version is never there without the day it belongs to.
    created = client.create_model_version(name, source, run_id=training_run(day.models), tags=dict(tags))
    return str(created.version)


def _challenge(client: "MlflowClient", registered: Registered, candidate: Version) -> None:
    challenger = registered.alias(CHALLENGER)
    if challenger is None or candidate.age >= challenger.age:
        client.set_registered_model_alias(registered.name, CHALLENGER, candidate.version)
        # One of a newer day may have become it since that was asked. Whoever sets the alias last sees all of them.
        newest = max(registered.recent(), key=lambda version: version.age)
        if newest.age > candidate.age:
            client.set_registered_model_alias(registered.name, CHALLENGER, newest.version)
