"""A stage notebook: the parameters it declares, and what may be given for them.

The contract is one cell tagged `parameters` with typed literals, each with a trailing comment that is its help:

    ds: str = None  # the day to work on
    train_days: int = 1  # how many days to train on

`None` as the default of a type that is not Optional means that a value is required.
"""

import ast
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any, Optional, get_args

import nbformat
from nbformat import NotebookNode, reader

from galley.errors import NotebookError, ParameterError
from galley.notebooks.repair import repair

_TYPES: dict[str, Any] = {
    "Any": Any, "Optional": Optional, "None": None, "bool": bool, "dict": dict, "float": float, "int": int,
    "list": list, "str": str,
}  # fmt: skip
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token(?!s|i)|credential|(api|access|private)_?key", re.IGNORECASE)
"""Names of what must not be in a report; max_tokens and tokenizer are none."""
_ANNOTATION = (ast.Expression, ast.Name, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr, ast.Constant, ast.Load)


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
        """The annotation as a type. Raises NotebookError for what parameters cannot be."""
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUserError

        try:
            written = ast.parse(self.kind, mode="eval")
            if not all(isinstance(part, _ANNOTATION) for part in ast.walk(written)):
                raise NameError(self.kind)
            kind = eval(self.kind, {"__builtins__": {}}, _TYPES)  # noqa: S307 - of these names and operators only
            TypeAdapter(kind)
        except (NameError, TypeError, SyntaxError, PydanticUserError):
            raise NotebookError(
                f"Parameter {self.name!r} is declared as {self.kind}. Use {', '.join(sorted(_TYPES))} and their "
                "combinations, as in list[str] or int | None."
            ) from None
        return kind

    @property
    def optional(self) -> bool:
        """Whether None is a value of its type."""
        return self.type in (Any, None) or NoneType in get_args(self.type)

    @property
    def required(self) -> bool:
        """Whether a run must give a value."""
        return self.default is None and not self.optional

    def convert(self, value: Any) -> Any:
        """The value as the declared type: "7" for an int is 7, JSON text or a Python literal for a list is a list.

        Raises ParameterError, with the given value and what is accepted.
        """
        from pydantic import TypeAdapter, ValidationError

        if self.optional and value in (None, "None"):  # a Jinja template renders None as text
            return None
        if isinstance(value, bool) and not re.search(r"\b(bool|Any)\b", self.kind):
            raise self._refusal(value, "it is a bool")
        read = _read_collection(value) if re.search(r"\b(list|dict)\b", self.kind) else value
        try:
            converted = TypeAdapter(self.type).validate_python(read)
            json.dumps(converted, allow_nan=False)
        except ValidationError as error:
            raise self._refusal(value, error.errors()[0]["msg"]) from None
        except (TypeError, ValueError) as error:
            raise self._refusal(value, f"the record cannot hold it ({error})") from None
        return converted

    def _refusal(self, value: Any, reason: str) -> ParameterError:
        return ParameterError(f"parameter {self.name!r} is {value!r}: {reason}. Accepted: {self.accepted}.")

    @property
    def accepted(self) -> str:
        """What a value may be, in words."""
        return f"{self.kind}{f' ({self.help})' if self.help else ''}"


@dataclass(frozen=True)
class Notebook:
    """A notebook file and what it declares. `node` is its content as nbformat 4, valid; `repairs` says what was not."""

    path: Path
    node: NotebookNode = field(repr=False)
    sha256: str
    repairs: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Notebook":
        """Read a notebook, and repair what has one obvious repair.

        Raises NotebookError if it is not there or not a notebook, or has a fault with several possible repairs.
        """
        if not path.is_file():
            beside = ", ".join(sorted(p.name for p in path.parent.glob("*.ipynb"))) or "no notebook"
            raise NotebookError(f"{path} is not there; its folder has {beside}. Correct input_nb or add the notebook.")
        content = path.read_bytes()
        try:
            node = nbformat.convert(reader.reads(content.decode()), 4)
            for cell in node.cells:
                cell.cell_type, cell.source, cell.metadata.get("tags")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, nbformat.ValidationError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise NotebookError(f"{path} is not a notebook ({reason}). Restore it from version control.") from None
        try:
            repairs = repair(node)
        except nbformat.ValidationError as error:
            raise NotebookError(f"{path} is not a valid notebook: {_place(error)}. Fix that in the file.") from None
        return cls(path, node, hashlib.sha256(content).hexdigest(), tuple(repairs))

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
        return {parameter.name: parameter for parameter in self._declared(self._parameters_cell.source)}

    @property
    def _tagged(self) -> list[NotebookNode]:
        return [cell for cell in self.node.cells if "parameters" in cell.metadata.get("tags", [])]

    @property
    def _parameters_cell(self) -> NotebookNode:
        cells = self._tagged
        if not cells:
            raise NotebookError(
                f"{self.path} has no cell tagged 'parameters', so whatever it is given would be ignored. "
                "Tag the cell that declares them."
            )
        if len(cells) > 1:
            raise NotebookError(f"{self.path} has {len(cells)} cells tagged 'parameters'. Keep the tag on one of them.")
        return cells[0]

    def _declared(self, source: str) -> Iterable[Parameter]:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            raise NotebookError(
                f"{self.path}: its parameters cell is not Python ({error}). Correct that cell."
            ) from None
        comments = _comments(source)
        for statement in tree.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                    yield self._parameter(name, annotation, value, comments.get(statement.end_lineno or 0, ""))
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    yield self._parameter(name, None, value, comments.get(statement.end_lineno or 0, ""))
                case _:
                    raise NotebookError(
                        f"{self.path}: its parameters cell has {ast.unparse(statement)!r}, which declares no value. "
                        "Keep typed literals there, as in rows: int = 7, and move the rest to a cell below."
                    )

    def _parameter(self, name: str, annotation: ast.expr | None, value: ast.expr, comment: str) -> Parameter:
        if _SECRET.search(name):
            raise NotebookError(
                f"{self.path}: parameter {name!r} looks like a secret, and parameters are stored in the report in "
                "clear. Read it from the environment inside the notebook, and do not print it."
            )
        try:
            default = ast.literal_eval(value)
            json.dumps(default, allow_nan=False)
        except (ValueError, TypeError):
            raise NotebookError(
                f"{self.path}: parameter {name!r} is derived ({name} = {ast.unparse(value)}), so it would not follow a "
                "value that is given. Keep literals of JSON's types there, and derive in a cell below."
            ) from None
        parameter = Parameter(name, _kind(annotation, default), default, comment, annotation is not None)
        try:
            parameter.type  # noqa: B018 - made now, so that the error names the notebook
        except NotebookError as error:
            raise NotebookError(f"{self.path}: {error}") from None
        return parameter

    def takes(self, name: str) -> bool:
        """Whether the parameter may be given. Where its cell breaks the contract it may: `bind` says how."""
        try:
            return bool(self._tagged) and (self.language != "python" or name in self.parameters)
        except NotebookError:
            return True

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given values, checked against the declaration and converted to its types.

        Raises ParameterError naming the notebook, the parameter, the given value and what is accepted. A notebook that
        declares nothing and is given nothing passes, as with papermill; of one in another language than Python only
        the tag is checked.
        """
        if not given and not self._tagged:
            return {}
        if self.language != "python":
            self._parameters_cell  # noqa: B018 - raises where the tag is lost
            return dict(given)
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
        readable = self._tagged and self.language == "python"
        return {name: parameter.default for name, parameter in self.parameters.items()} if readable else {}

    def problems(self) -> list[str]:
        """What keeps the notebook from being a stage that a reviewer can rely on, in words; empty if nothing does."""
        try:
            declared = list(self.parameters.values())
            found = [f"{self.path}: {problem}" for parameter in declared for problem in _problems_of(parameter)]
        except NotebookError as error:
            found = [str(error)]
        found += [f"{self.path}: {repaired}. Fix it in the file." for repaired in self.repairs]
        if any(cell.get("outputs") or cell.get("execution_count") for cell in self.node.cells):
            found.append(f"{self.path}: it carries outputs. Strip them with `make fix`.")
        return found


def _place(error: nbformat.ValidationError) -> str:
    """Where in a notebook the schema is broken, and how."""
    match list(error.relative_path):
        case ["cells", int(index), *rest]:
            return f"cell {index + 1}{''.join(f', {part}' for part in rest)}: {error.message[:200]}"
        case path:
            return ": ".join([*map(str, path), error.message[:200]])


def _read_collection(value: Any) -> Any:
    """The list or dict that a text spells, as JSON or as Python, which is what a template makes of one."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            collection = read(value)
            return collection if isinstance(collection, (list, dict)) else value
    return value


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
