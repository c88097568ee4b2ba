"""A stage notebook: the parameters it declares, and what may be given for them.

The contract is one cell tagged `parameters` with typed literals, each with a trailing comment that is its help:

    ds: str = None  # the day to work on
    train_days: int = 1  # how many days to train on

`None` as the default of a type that is not Optional means that a value is required.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import nbformat
from nbformat import NotebookNode

from galley import files
from galley.errors import NotebookError, ParameterError

_TYPES: dict[str, Any] = {
    "Any": Any, "Optional": Optional, "None": None, "bool": bool, "dict": dict, "float": float, "int": int,
    "list": list, "str": str,
}  # fmt: skip
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|credential|(api|access|private)_?key", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: `kind` is its annotation as written, `default` a literal, `help` the trailing comment."""

    name: str
    kind: str
    default: Any
    help: str
    annotated: bool = True

    @cached_property
    def type(self) -> Any:
        """The annotation as a type. Raises NotebookError for names that parameters cannot have."""
        try:
            return eval(self.kind, {"__builtins__": {}}, _TYPES)  # noqa: S307 - parsed, and to these names only
        except (NameError, TypeError, SyntaxError, AttributeError):
            raise NotebookError(
                f"Parameter {self.name!r} is declared as {self.kind}. Use {', '.join(sorted(_TYPES))} and their "
                "combinations, as in list[str] or int | None."
            ) from None

    @property
    def optional(self) -> bool:
        """Whether None is a value of its type."""
        return self.kind == "Any" or "None" in self.kind or "Optional" in self.kind

    @property
    def required(self) -> bool:
        """Whether a run must give a value."""
        return self.default is None and not self.optional

    def convert(self, value: Any) -> Any:
        """The value as the declared type: "7" for an int is 7, JSON text for a list is a list.

        Raises ParameterError, with what was given and what is accepted.
        """
        from pydantic import TypeAdapter, ValidationError

        if self.optional and value in (None, "None"):  # a Jinja template renders None as text
            return None
        adapter = TypeAdapter(self.type)
        try:
            if isinstance(value, bool) and self.kind in ("int", "float"):
                raise ParameterError(f"parameter {self.name!r} is {value!r}, a bool. Accepted: {self.accepted}.")
            if isinstance(value, str) and re.match(r"(list|dict)\b", self.kind):
                return adapter.validate_json(value)
            return adapter.validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ParameterError(
                f"parameter {self.name!r} is {value!r}: {reason}. Accepted: {self.accepted}."
            ) from None

    @property
    def accepted(self) -> str:
        """What a value may be, in words."""
        return f"{self.kind}{f' ({self.help})' if self.help else ''}"


@dataclass(frozen=True)
class Notebook:
    """A notebook file and what it declares. `node` is its content as nbformat 4."""

    path: Path
    node: NotebookNode = field(repr=False)
    sha256: str

    @classmethod
    def load(cls, path: Path) -> "Notebook":
        """Read a notebook. Raises NotebookError if it is not there or is no notebook."""
        if not path.is_file():
            beside = ", ".join(sorted(p.name for p in path.parent.glob("*.ipynb"))) or "no notebook"
            raise NotebookError(f"{path} is not there; its folder has {beside}. Mend input_nb or add the notebook.")
        try:
            node = nbformat.read(path, as_version=4)
        except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError, AttributeError) as error:
            raise NotebookError(
                f"{path} is no notebook ({str(error).splitlines()[0][:200]}). Restore it from version control."
            ) from None
        return cls(path, node, files.digest(path))

    @property
    def kernel_name(self) -> str | None:
        """The kernel that the notebook names, if it names one."""
        name: str | None = self.node.metadata.get("kernelspec", {}).get("name")
        return name

    @property
    def language(self) -> str:
        """The language of its cells, lower case; python if it does not say."""
        metadata = self.node.metadata
        spoken = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
        return str(spoken or "python").lower()

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The declared parameters by name. Raises NotebookError where the cell breaks the contract."""
        cells = [cell for cell in self.node.cells if "parameters" in cell.metadata.get("tags", [])]
        if not cells:
            raise NotebookError(
                f"{self.path} has no cell tagged 'parameters', so whatever it is given would be ignored. "
                "Tag the cell that declares them."
            )
        if len(cells) > 1:
            raise NotebookError(f"{self.path} has {len(cells)} cells tagged 'parameters'. Keep the tag on one of them.")
        return {parameter.name: parameter for parameter in self._declared(cells[0].source)}

    def _declared(self, source: str) -> Iterable[Parameter]:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise NotebookError(f"{self.path}: its parameters cell is no Python ({error}). Mend that cell.") from None
        comments = _comments(source)
        for statement in tree.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name, value, annotation = statement.target.id, statement.value, statement.annotation
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                name, value, annotation = statement.targets[0].id, statement.value, None
            else:
                raise NotebookError(
                    f"{self.path}: its parameters cell has {ast.unparse(statement)!r}, which declares nothing. "
                    "Keep typed literals there, and move the rest to a cell below."
                )
            if _SECRET.search(name):
                raise NotebookError(
                    f"{self.path}: parameter {name!r} looks like a secret, and parameters are stored in the report in "
                    "clear. Read it from the environment inside the notebook, and do not print it."
                )
            try:
                default = ast.literal_eval(value) if value is not None else None
            except ValueError:
                raise NotebookError(
                    f"{self.path}: parameter {name!r} is derived ({ast.unparse(statement)}), so it would not follow "
                    "a value that is given. Keep literals there, and derive in a cell below."
                ) from None
            kind = _kind(annotation, default)
            yield Parameter(name, kind, default, comments.get(statement.end_lineno or 0, ""), annotation is not None)

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given values, checked against the declaration and converted to its types.

        Raises ParameterError naming the notebook, the parameter, what was given and what is accepted. A notebook in
        another language than Python, and one that declares nothing and is given nothing, take what they get, as with
        papermill.
        """
        if self.language != "python":
            return dict(given)
        if not given and not any("parameters" in cell.metadata.get("tags", []) for cell in self.node.cells):
            return {}
        declared = self.parameters
        unknown = sorted(set(given) - set(declared))
        if unknown:
            raise ParameterError(
                f"{self.path}: there is no parameter {unknown[0]!r} (given {given[unknown[0]]!r}). "
                f"Accepted: {', '.join(declared) or 'none'}."
            )
        bound = {}
        for name, parameter in declared.items():
            value = given.get(name)
            if parameter.required and value in (None, "None"):
                raise ParameterError(
                    f"{self.path}: parameter {name!r} is required and was not given. Accepted: {parameter.accepted}."
                )
            if name in given:
                try:
                    bound[name] = parameter.convert(value)
                except ParameterError as error:
                    raise ParameterError(f"{self.path}: {error}") from None
        return bound

    @property
    def defaults(self) -> dict[str, Any]:
        """The declared defaults by name; empty where nothing is declared that galley can read."""
        tagged = any("parameters" in cell.metadata.get("tags", []) for cell in self.node.cells)
        return {n: p.default for n, p in self.parameters.items()} if tagged and self.language == "python" else {}

    def problems(self) -> list[str]:
        """What keeps the notebook from being a stage that a reviewer can rely on, in words; empty if nothing does."""
        try:
            declared = list(self.parameters.values())
            found = [f"{self.path}: {problem}" for parameter in declared for problem in _problems_of(parameter)]
        except NotebookError as error:
            found = [str(error)]
        if any(cell.get("outputs") or cell.get("execution_count") for cell in self.node.cells):
            found.append(f"{self.path}: it carries outputs. Strip them with `make fix`.")
        return found


def _problems_of(parameter: Parameter) -> Iterable[str]:
    if not parameter.annotated:
        yield f"parameter {parameter.name!r} has no type. Write {parameter.name}: {parameter.kind} = ..."
    if not parameter.help:
        yield f"parameter {parameter.name!r} has no help. Say what it is in a comment at the end of its line."
    if parameter.default is not None:
        try:
            parameter.convert(parameter.default)
        except (ParameterError, NotebookError) as error:
            yield f"its own default is refused: {error}"


def _kind(annotation: ast.expr | None, default: Any) -> str:
    """The annotation as written; without one, the type of the default, as papermill infers it."""
    if annotation is None:
        return "Any" if default is None else type(default).__name__
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def _comments(source: str) -> dict[int, str]:
    """The comment of each line that has one, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
