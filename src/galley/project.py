"""Project: what galley.toml declares. Its models, the DAGs that train and use them, and who decides about them."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from galley.errors import SettingsError

FILE = "galley.toml"
FLAVORS = ("sklearn", "lightgbm", "xgboost", "catboost", "python_function")
"""MLflow's names of what galley loads; the last one is what MLflow adds to each, and stands for any other."""
FORMAT = 1
"""The format of the file that this release reads."""
AS_IN = """[models.my-model]
problem = "binary"
key = "id"
target = "label\""""

_WRITTEN = ("raw", "processed", "models", "predictions", "mlflow")
"""Folders below a model's own folder; one of these as the folder of another model would be inside the first."""
_SAYS = {
    "missing": "is missing",
    "extra_forbidden": "is an unknown key",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than 0",
    "greater_than_equal": "must be 1 or more",
    "less_than_equal": "must be 9 or less",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _matching(pattern: str, what: str) -> Any:
    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return BeforeValidator(check)


def _inside(value: object) -> object:
    """A path below a folder, which may hold {ds}."""
    if not isinstance(value, str) or not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError(f"{value!r} is not a path below the data folder")
    if re.search(r"[{}]", value.replace("{ds}", "")):
        raise ValueError(f"{value!r} may hold {{ds}} and no other braces")
    return value


DagId = Annotated[str, _matching(r"[\w.-]{1,250}", "a DAG's name")]
DagIdOrBlank = Annotated[str, _matching(r"[\w.-]{0,250}", "a DAG's name")]
StageName = Annotated[str, _matching(r"[\w.-]{1,160}", "the name of a stage")]
ProblemName = Annotated[
    str,
    _matching(
        r"binary|multiclass|regression|[^\W\d][\w.]*:[^\W\d]\w*",
        '"binary", "multiclass", "regression" or a class of yours, as in "my_package.problems:Ranking"',
    ),
]
ClassName = Annotated[str, _matching(r"\S(.{0,98}\S)?", "the name of a class, as a text")]
UserName = Annotated[str, _matching(r"[^\s:]{1,128}", "a user's name")]
ColumnName = Annotated[str, _matching(r".{1,250}", "the name of a column")]
MetricName = Annotated[str, _matching(r"\w+(\.\w+)?", "a metric, as in roc_auc or validate.roc_auc")]
TypeName = Annotated[str, _matching(r"[^\W\d]\w*(\.\w+)+", "a type with its module, as in numpy.dtype")]
CheckName = Annotated[str, _matching(r"\S.{0,250}", "the name of a check")]
Size = Annotated[str, _matching(r"[1-9]\d*[kmg]", "a size, as in 512m or 4g")]
FlavorName = Annotated[str, _matching("|".join(FLAVORS), f"one of {', '.join(FLAVORS)}")]
KernelName = Annotated[str, _matching(r"[\w.-]{1,100}", "a kernel's name")]
InsidePath = Annotated[str, BeforeValidator(_inside)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Policy(_Declared):
    """Who decides about a model, and how.

    `approvals` is how many different people have to approve; with `not_the_trigger`, whoever triggered the run is none
    of them. `required` are checks of the review without which an approval does not count, unless one of `may_override`
    gives it, with a reason for that of its own.
    """

    reviewers: tuple[UserName, ...] = ()
    approvals: Annotated[int, Field(ge=1, le=9)] = 1
    not_the_trigger: bool = False
    required: tuple[CheckName, ...] = ()
    may_override: tuple[UserName, ...] = ()


class Limits(_Declared):
    """What a stage's container may use; of what is None, what the engine lets it.

    `memory`, and `shm` (shared memory, /dev/shm), are sizes such as 512m or 4g; `gpus` is how many.
    """

    memory: Size | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    gpus: Annotated[int, Field(ge=1)] | None = None
    shm: Size | None = None

    def but(self, given: Mapping[str, Any], where: str) -> "Limits":
        """These, but for the given ones. Raises SettingsError, which names where those are given."""
        try:
            return Limits.model_validate({**self.model_dump(include=set(Limits.model_fields)), **given})
        except ValidationError as error:
            raise SettingsError(f"{where}: {'; '.join(map(_fault, error.errors()))}. Correct it there.") from None


class DeclaredKernel(Limits):
    """A kernel: what a container of its stages may use, and the flavors of models that are loaded and asked in it.

    A model of another flavor is loaded in the kernel of the stage that asks it.
    """

    loads: tuple[FlavorName, ...] = ()


class DeclaredModel(_Declared):
    """A model of the project: its name in the registry, and what galley has to know of it.

    `problem` is its kind, and `classes` those that it tells apart, in the order of the model's probabilities. `train`
    and `predict` are DAGs, `review` the stage of `train` that a person reads. `generate` is the DAG that brings a day's
    data, `verify` the one that checks decisions and production, and `rollback` the one that puts an earlier version
    back into production, blank if none of the project does; `dags` are others that belong to the model. `folder` is its
    own folder below data; blank is data itself. `evidence` are files below that folder that a decision rests on,
    besides the model and the reports; `metrics` those that listings and trends show first. With `pinned`, predictions
    may be made with a model that is not in production, and say so. `trusted` are the types that a saved model may have
    besides those that skops always loads; with `allow_pickle`, models are loaded though that may run code that came
    with them.
    """

    name: str = ""
    problem: ProblemName
    classes: tuple[ClassName, ...] = ()
    key: ColumnName
    target: ColumnName
    train: DagId = "train"
    review: StageName = "review"
    predict: DagId = "predict"
    generate: DagIdOrBlank = ""
    verify: DagIdOrBlank = ""
    rollback: DagIdOrBlank = ""
    dags: tuple[DagId, ...] = ()
    folder: Annotated[str, _matching(r"|[\w][\w.-]{0,99}", "the name of a folder")] = ""
    evidence: tuple[InsidePath, ...] = ()
    metrics: tuple[MetricName, ...] = ()
    pinned: bool = False
    trusted: tuple[TypeName, ...] = ()
    allow_pickle: bool = False
    policy: Policy = Policy()

    @model_validator(mode="after")
    def _has_its_classes(self) -> Self:
        fault = _fault_of_classes(self.problem, self.classes)
        if fault:
            raise ValueError(fault)
        return self

    @property
    def all_dags(self) -> tuple[str, ...]:
        """Every DAG that belongs to it."""
        daily = (self.generate, self.train, self.predict, self.verify)
        return tuple(filter(None, (*daily, *self.other_dags)))

    @property
    def other_dags(self) -> tuple[str, ...]:
        """Those that make no day's files, unless they have a schedule."""
        return tuple(filter(None, (self.rollback, *self.dags)))


def _fault_of_classes(problem: str, classes: Sequence[str]) -> str:
    """What is wrong with the declared classes; blank if nothing is."""
    if len(set(classes)) < len(classes):
        return "classes: one of them is named twice"
    if problem == "multiclass" and len(classes) < 3:
        return 'classes are missing: a problem of kind multiclass has three or more, as in ["cat", "dog", "owl"]'
    if problem == "binary" and len(classes) not in (0, 2):
        return "classes: a binary problem names what 0 and 1 mean, or nothing"
    return "classes: a regression has none" if problem == "regression" and classes else ""


class Locations(_Declared):
    """Where a project's files are; relative paths are below the project. Environment variables win."""

    format: int = FORMAT
    data: str = "data"
    outputs: str = "outputs"
    notebooks: str = "notebooks"


class Project(_Declared):
    """All that galley.toml says. `digest` is its SHA-256; blank where there is no such file."""

    project: Locations = Locations()
    models: dict[Annotated[str, _matching(r"[A-Za-z0-9][\w.-]{0,99}", "a model's name")], DeclaredModel] = Field(
        default_factory=dict
    )
    kernels: dict[KernelName, DeclaredKernel] = Field(default_factory=dict)
    path: Path | None = None
    digest: str = ""

    def model(self, name: str = "", dag_id: str = "") -> DeclaredModel:
        """The model of that name; if blank, the one that the DAG belongs to, or the only one there is.

        Raises SettingsError if there is none, and if it is not clear which of several is meant.
        """
        if not self.models:
            lacks = "declares no model" if self.digest else "is not there"
            raise SettingsError(f"{self.path or FILE} {lacks}. Declare the project's models in it, as in:\n{AS_IN}")
        declared = ", ".join(self.models)
        if name:
            if name not in self.models:
                raise SettingsError(
                    f"The model {name!r} is not declared in {self.path}. Declared: {declared}. Give one of these, or "
                    f"add [models.{name}]."
                )
            return self.models[name]
        found = self.model_of_dag(dag_id)
        if found is None and len(self.models) > 1:
            of_dag = f", and the DAG {dag_id!r} belongs to none of them" if dag_id else ""
            raise SettingsError(
                f"{self.path} declares several models ({declared}){of_dag}. Name one: model= on the operator, the DAG "
                "in the model's `dags`, or GALLEY_MODEL."
            )
        return found or next(iter(self.models.values()))

    def model_of_dag(self, dag_id: str) -> DeclaredModel | None:
        """The model that a DAG belongs to by declaration."""
        return next((model for model in self.models.values() if dag_id in model.all_dags), None)


def read(path: Path) -> Project:
    """What a galley.toml declares. Raises SettingsError with every fault, each by its place in the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Project(path=path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Make it readable for this user.") from None
    return _parsed(path, content)


@lru_cache(maxsize=8)
def _parsed(path: Path, content: bytes) -> Project:
    try:
        said = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Correct it there.") from None
    _require_format(path, said)
    try:
        project = Project.model_validate({**_named(said), "path": path, "digest": hashlib.sha256(content).hexdigest()})
    except ValidationError as error:
        raise SettingsError(_faults(path, [_fault(each) for each in error.errors()])) from None
    clashes = [*_clashes(list(project.models.values())), *_loaded_twice(project.kernels)]
    if clashes:
        raise SettingsError(_faults(path, clashes))
    return project


def _require_format(path: Path, said: dict[str, Any]) -> None:
    section = said.get("project")
    number = section.get("format", FORMAT) if isinstance(section, dict) else FORMAT
    if isinstance(number, int) and number > FORMAT:
        raise SettingsError(
            f"{path} has format {number}, and this release of galley reads up to {FORMAT}. Update galley, or write the "
            "file in the older format."
        )


def _named(said: dict[str, Any]) -> dict[str, Any]:
    """The content, each model with the name that its table has. What no file may say is left for the validation."""
    for key in ("path", "digest"):
        if key in said:
            said[f"{key} "] = said.pop(key)
    models = said.get("models")
    if isinstance(models, dict):
        said["models"] = {
            name: {**model, "name": name} if isinstance(model, dict) and "name" not in model else model
            for name, model in models.items()
        }
    return said


def _faults(path: Path, faults: Sequence[str]) -> str:
    said = [f"{path} declares what galley does not accept. Correct there:", *(f"- {each}" for each in faults)]
    return "\n".join(said)


def _fault(error: Any) -> str:
    """One fault: its place in the file, what is wrong, and what is accepted."""
    where = ".".join(str(part).strip() for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        accepted = ", ".join(_keys_at(error["loc"][:-1]))
        return f"{where} is an unknown key; accepted are {accepted}"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "literal_error":
        return f"{where} must be {error['ctx']['expected'].replace(chr(39), chr(34))} (it is {error['input']!r})"
    if kind == "value_error":
        return f"{where}: {error['ctx']['error']}"
    return f"{where} {_SAYS.get(kind, error['msg'])} (it is {error['input']!r})"


def _keys_at(place: Sequence[Any]) -> list[str]:
    """The keys that a table of the file may have."""
    by_depth: dict[int, type[BaseModel]] = {2: DeclaredKernel if "kernels" in place[:1] else DeclaredModel, 3: Policy}
    kind = Locations if list(place) == ["project"] else by_depth.get(len(place), Project)
    return [name for name in kind.model_fields if name not in ("path", "digest", "name")]


def _clashes(models: list[DeclaredModel]) -> Iterator[str]:
    """What two models may not share: a folder, or a DAG."""
    for number, model in enumerate(models):
        where = f"models.{model.name}"
        if model.folder in _WRITTEN:
            yield f"{where}.folder: {model.folder!r} is a folder that galley writes; choose another name"
        for dag_id in {dag_id for dag_id in model.all_dags if model.all_dags.count(dag_id) > 1}:
            yield f"{where}: the DAG {dag_id!r} is named twice"
        for other in models[:number]:
            if other.folder == model.folder:
                shown = f"data/{model.folder}".rstrip("/")
                yield f'{where}.folder: models.{other.name} writes to {shown} too; give folder = "{model.name}"'
            for dag_id in set(model.all_dags) & set(other.all_dags):
                yield f"{where}: the DAG {dag_id!r} belongs to models.{other.name} already"


def _loaded_twice(kernels: Mapping[str, DeclaredKernel]) -> Iterator[str]:
    for flavor in FLAVORS:
        names = [name for name, kernel in kernels.items() if flavor in kernel.loads]
        if len(names) > 1:
            yield f"kernels.{names[1]}.loads: kernels.{names[0]} loads {flavor} already"
