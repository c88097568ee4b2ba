"""Parameters are a contract: what a notebook may declare, what may be given, and what is said where they differ."""

import json
import math

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.errors import NotebookError, ParameterError
from galley.notebooks.parameters import Notebook, Parameter

GOOD = """
ds: str = None  # the day
rows: int = 7  # how many
share: float = 0.5  # how much
loud: bool = False  # whether to say so
columns: list[str] = ["a", "b"]  # which
settings: dict[str, float] = {}  # of what
label: str | None = None  # how it is called
"""


@pytest.fixture
def notebook(write_notebook):
    return Notebook.load(write_notebook(GOOD))


def parameter(kind, default=None):
    return Parameter("x", kind, default, "what it is for")


# What may be declared


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([], "no cell tagged 'parameters'"),
        (["a: int = 1  # a", "b: int = 2  # b"], "2 cells tagged 'parameters'"),
        (["a: int = 1\nb: int = a + 1"], r"'b' is derived \(b = a \+ 1\)"),
        (["import os\na: int = 1"], "'import os', which declares no value"),
        (["a: int"], "'a: int', which declares no value"),
        (["a = b = 1"], "declares no value"),
        (["a, b = 1, 2"], "declares no value"),
        (["print(1)"], "declares no value"),
        (["a: int = "], "is not Python"),
        (["%matplotlib inline"], "is not Python"),
        (["a: int = 1\0"], "is not Python"),
        (["when: datetime = None"], r"01_stage\.ipynb: Parameter 'when' is declared as datetime"),
        (["a: 'list[' = None"], "declared as list"),
        (["a: dict[int] = None"], "declared as dict"),
        (["a: 1 | 2 = 3"], "declared as 1"),
        (["a: [].append = None"], "declared as"),
        (["a: Any = {1, 2}"], "'a' is derived"),
        (["a: Any = b'x'"], "'a' is derived"),
        (["a: Any = {[]: 1}"], "'a' is derived"),
        (["a: float = 1e999"], "'a' is derived"),
    ],
)
def test_what_breaks_the_contract_is_named_with_its_notebook(write_notebook, cells, said):
    with pytest.raises(NotebookError, match=said) as raised:
        Notebook.load(write_notebook(*cells)).bind({"a": 1})
    assert "01_stage.ipynb" in str(raised.value)


@pytest.mark.parametrize("name", ["db_password", "API_KEY", "slack_token", "aws_secret", "credentials", "token"])
def test_a_name_that_looks_like_a_secret_is_refused(write_notebook, name):
    with pytest.raises(NotebookError, match=f"{name}.* looks like a secret"):
        Notebook.load(write_notebook(f"{name}: str = None  # x")).bind({name: "x"})


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "key", "passes", "n_keys"])
def test_a_name_that_is_merely_like_one_is_not(write_notebook, name):
    assert Notebook.load(write_notebook(f"{name}: int = 1  # x")).bind({name: "2"}) == {name: 2}


def test_a_declaration_gives_name_type_default_and_help(notebook):
    rows = notebook.parameters["rows"]
    assert (rows.kind, rows.default, rows.help, rows.required) == ("int", 7, "how many", False)
    assert [name for name, declared in notebook.parameters.items() if declared.required] == ["ds"]


def test_the_comment_of_a_long_literal_is_the_one_at_its_end(write_notebook):
    source = "b: list[str] = [\n    'x',  # first\n    'y',\n]  # both\nc = 'it # is no comment'"
    declared = Notebook.load(write_notebook(source)).parameters
    assert [declared[name].help for name in "bc"] == ["both", ""]
    assert declared["c"].kind == "str"


@pytest.mark.parametrize("kind", ["str | None", "Optional[int]", "None", "Any", "dict[str, int] | None"])
def test_none_is_a_value_of_an_optional_type(kind):
    assert not parameter(kind).required
    assert parameter(kind).convert("None") is None


@pytest.mark.parametrize("kind", ["str", "list[int | None]", "dict[str, None]", "list[Any]"])
def test_none_as_default_of_any_other_type_means_required(kind):
    assert parameter(kind).required


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("rows = 7  # how many", "no type. Write rows: int"),
        ("rows: int = 7", "no help"),
        ("rows: int = 'seven'  # how many", "its own default is refused"),
    ],
)
def test_what_a_reviewer_would_miss_is_a_problem(write_notebook, source, said):
    (problem,) = Notebook.load(write_notebook(source)).problems()
    assert said in problem
    assert "01_stage.ipynb" in problem


def test_a_notebook_that_carries_outputs_is_a_problem(write_notebook):
    path = write_notebook(GOOD)
    node = nbformat.read(path, as_version=4)
    node.cells[-1].outputs = [nbformat.v4.new_output("stream", text="1")]
    nbformat.write(node, path)
    assert [problem.endswith("Strip them with `make fix`.") for problem in Notebook.load(path).problems()] == [True]


def test_a_stage_that_keeps_the_contract_has_no_problem(notebook):
    assert notebook.problems() == []


# What may be given


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({"rows": "7"}, {"rows": 7}),
        ({"rows": 7.0}, {"rows": 7}),
        ({"share": "0.25"}, {"share": 0.25}),
        ({"share": 1}, {"share": 1.0}),
        ({"loud": "true"}, {"loud": True}),
        ({"loud": "False"}, {"loud": False}),
        ({"columns": '["x"]'}, {"columns": ["x"]}),
        ({"columns": "['x', 'y']"}, {"columns": ["x", "y"]}),
        ({"columns": "[]"}, {"columns": []}),
        ({"settings": '{"depth": 3}'}, {"settings": {"depth": 3.0}}),
        ({"settings": "{'depth': 3}"}, {"settings": {"depth": 3.0}}),
        ({"label": "None"}, {"label": None}),
        ({"label": ""}, {"label": ""}),
        ({"label": "[1]"}, {"label": "[1]"}),
    ],
)
def test_what_a_template_rendered_is_converted_to_the_declared_type(notebook, given, bound):
    assert notebook.bind({"ds": "2026-11-23", **given}) == {"ds": "2026-11-23", **bound}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rows": "seven"}, r"'rows' is 'seven'.*Accepted: int \(how many\)"),
        ({"rows": 7.5}, "'rows' is 7.5"),
        ({"rows": True}, "'rows' is True: it is a bool"),
        ({"rows": None}, "'rows' is None"),
        ({"rows": ""}, "'rows' is ''"),
        ({"share": "nan"}, "'share' is 'nan': the record cannot hold it"),
        ({"share": "1e999"}, "the record cannot hold it"),
        ({"loud": "perhaps"}, "'loud' is 'perhaps'"),
        ({"columns": "x"}, "'columns' is 'x'"),
        ({"columns": [1]}, "'columns' is"),
        ({"columns": '{"x": 1}'}, "'columns' is"),
        ({"settings": '{"depth": NaN}'}, "the record cannot hold it"),
        ({"label": 3}, "'label' is 3"),
        ({"row": 3}, r"no parameter 'row' \(given 3\). Accepted: ds, rows, share"),
        ({"ds": None}, "'ds' is required and was not given"),
        ({"ds": "None"}, "'ds' is required"),
    ],
)
def test_what_is_not_accepted_is_refused_with_what_was_given(notebook, given, said):
    with pytest.raises(ParameterError, match=said) as raised:
        notebook.bind({"ds": "2026-11-23", **given})
    assert str(notebook.path) in str(raised.value)
    assert "Accepted: " in str(raised.value)


def test_a_required_parameter_that_is_not_given_is_refused(notebook):
    with pytest.raises(ParameterError, match=r"'ds' is required and was not given. Accepted: str \(the day\)"):
        notebook.bind({"rows": 3})


def test_a_bool_is_no_number_where_none_would_be_one_too():
    with pytest.raises(ParameterError, match="it is a bool"):
        parameter("int | None").convert(True)


def test_what_is_no_json_is_refused_where_anything_goes():
    with pytest.raises(ParameterError, match="the record cannot hold it"):
        parameter("Any").convert(object())


def test_a_notebook_that_declares_nothing_and_is_given_nothing_runs(write_notebook):
    assert Notebook.load(write_notebook()).bind({}) == {}


R_KERNEL = {"name": "ir", "display_name": "R", "language": "R"}


def test_in_another_language_the_declaration_is_taken_as_it_is(write_notebook):
    notebook = Notebook.load(write_notebook("rows <- 3", kernelspec=R_KERNEL))
    assert notebook.bind({"anything": 1}) == {"anything": 1}
    assert notebook.defaults == {}


def test_in_another_language_a_lost_tag_is_refused_too(write_notebook):
    with pytest.raises(NotebookError, match="no cell tagged"):
        Notebook.load(write_notebook(kernelspec=R_KERNEL)).bind({"rows": 1})


# Conversion, for any value

KINDS = st.sampled_from(
    ["int", "float", "str", "bool", "list[int]", "list[str]", "dict[str, float]", "int | None", "list", "dict", "Any"]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(kind=KINDS, value=PLAIN)
def test_a_value_becomes_plain_json_of_its_type_that_stays_as_it_is_or_is_refused(kind, value):
    declared = parameter(kind)
    try:
        converted = declared.convert(value)
    except ParameterError:
        return
    json.dumps(converted, allow_nan=False)
    assert declared.convert(converted) == converted


@given(st.integers())
def test_an_integer_survives_being_rendered_by_a_template(value):
    assert parameter("int").convert(str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_being_rendered_by_a_template(value):
    assert parameter("float").convert(str(value)) == value


@given(st.booleans())
def test_a_bool_survives_being_rendered_by_a_template(value):
    assert parameter("bool").convert(str(value)) is value


@given(st.text())
def test_a_text_is_taken_as_it_is(value):
    assert parameter("str").convert(value) == value


@given(st.dictionaries(st.text(), st.lists(st.integers() | st.text() | st.none())))
def test_a_collection_survives_as_json_and_as_python(value):
    assert parameter("dict").convert(json.dumps(value)) == value
    assert parameter("dict").convert(str(value)) == value


@given(st.floats())
def test_only_a_finite_float_is_accepted(value):
    if math.isfinite(value):
        assert parameter("float").convert(value) == value
    else:
        with pytest.raises(ParameterError):
            parameter("float").convert(value)


# What is not a notebook


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff\xfe",
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 7}',
        b'{"nbformat": 99, "nbformat_minor": 5, "metadata": {}, "cells": []}',
    ],
)
def test_a_file_that_is_no_notebook_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=r"x\.ipynb is not a notebook"):
        Notebook.load(path)


def test_a_notebook_that_is_not_there_is_told_with_those_beside_it(write_notebook):
    path = write_notebook(GOOD)
    with pytest.raises(NotebookError, match=r"02_other\.ipynb is not there; its folder has 01_stage\.ipynb"):
        Notebook.load(path.with_name("02_other.ipynb"))
