"""The library knows no name of the example: no DAG, stage, file, metric or column, and imports no domain."""

import re
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
TEMPLATE = HOME / "src/galley/templates/project"
"""What `galley init` writes: a project like the example, whose stages have such names too."""
SOURCES = sorted(
    path for path in (HOME / "src/galley").rglob("*") if path.suffix in (".py", ".md") and TEMPLATE not in path.parents
)
DECLARED = tomllib.loads((HOME / "galley.toml").read_text())["models"]["flights-late"]
STAGES = {path.stem for path in (HOME / "notebooks").glob("*/*.ipynb")}
NAMES = {
    "flights-late", DECLARED["train"], DECLARED["predict"], DECLARED["generate"], DECLARED["verify"],
    DECLARED["rollback"], DECLARED["key"], *STAGES, "train_data.csv", "train.csv", "val.csv", "on_time", "flights",
}  # fmt: skip
COLUMNS = re.findall(r'Column\("(\w+)"', (HOME / "src/flights/contract.py").read_text())
METRICS = {name.partition(".")[2] for name in DECLARED["metrics"]} - {"roc_auc"}  # which any binary model has
QUOTED = {*COLUMNS, *METRICS, DECLARED["target"], *(stage.partition("_")[0] for stage in STAGES)}
"""Names that are words or numbers too, so that only a text which is nothing else is one of the example's."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_a_module_names_nothing_of_the_example(path):
    text = path.read_text()
    assert [name for name in sorted(NAMES) if re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", text)] == []
    assert sorted(QUOTED & {match[2] for match in re.finditer(r"""(["'])([\w.]+)\1""", text)}) == []


def test_the_names_are_those_that_there_are():
    assert {"train_weekly", "05_review", "flight_id", "rollback_model"} <= NAMES
    assert {"carrier", "wind_gust", "late", "late_share", "live_roc_auc", "05"} <= QUOTED
