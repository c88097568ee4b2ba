"""A model is loaded by what reads data and runs nothing, unless the project allows more, which is said then."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from mlflow import MlflowClient
from shapes import Shape
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tiny_model import ROWS, SHAPES, TARGET

from galley.days import Day
from galley.errors import ModelNotFound
from galley.problems import Binary, Multiclass, Regression
from galley.registry import card, models
from galley.registry.selection import choose
from galley.settings import Settings
from galley.training import save

Make = Callable[..., Day]

FITTED = LogisticRegression().fit(ROWS, TARGET)
SKOPS = {"pickled_model": "model.skops", "serialization_format": "skops"}
PYFUNC = {"loader_module": "mlflow.sklearn"}
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


class Harm:
    """What leaves a file where it is unpickled."""

    def __init__(self, at: Path) -> None:
        self.at = at

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.at),)


@pytest.fixture
def shape() -> Shape:
    return SHAPES["tiny"]


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A model that would be loaded, with files beside it that leave `ran` where anything of them runs."""
    found = settings.model_data / "models" / "other"
    (found / "code").mkdir(parents=True)
    ran = settings.home / "ran"
    (found / "code" / "harm.py").write_text(f"import os\nos.mkdir({str(ran)!r})\n_load_pyfunc = None\n")
    (found / "model.pkl").write_bytes(pickle.dumps(Harm(ran)))
    (found.parent / "outside.skops").write_bytes(skops.io.dumps(FITTED))
    (found / "model.skops").write_bytes(skops.io.dumps(FITTED))
    (found / "metrics.json").write_bytes(skops.io.dumps(FITTED))
    (found / "link.skops").symlink_to(found.parent / "outside.skops")
    state(found, sklearn=SKOPS, python_function=PYFUNC)
    return found


def state(folder: Path, **flavors: Any) -> None:
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))


def allowing(settings: Settings, line: str) -> Settings:
    with settings.project_file.open("a") as declared:
        declared.write(f"{line}\n")
    return Settings.from_environment({"GALLEY_HOME": str(settings.home)})


def load(settings: Settings) -> Any:
    return models.resolve("models/other", settings).load()


def test_skops_with_what_skops_always_loads_needs_no_line_in_galley_toml(settings: Settings, folder: Path) -> None:
    assert load(settings).coef_.tolist() == FITTED.coef_.tolist()


PICKLED = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
RUNS_CODE: list[tuple[dict[str, Any], str]] = [
    ({"sklearn": PICKLED, "python_function": PYFUNC}, "it is saved as cloudpickle"),
    ({"sklearn": {**PICKLED, "serialization_format": "pickle"}}, "it is saved as pickle"),
    ({"sklearn": {"pickled_model": "model.pkl"}}, "it is saved as pickle"),
    ({"sklearn": {**PICKLED, "serialization_format": None}}, "it is saved as pickle"),
    ({"sklearn": {**PICKLED, "serialization_format": ["skops"]}}, "it is saved as a list"),
    ({"lightgbm": {"data": "model.pkl", "model_class": "lightgbm.sklearn.LGBMClassifier"}}, "it is saved as pickle"),
    ({"sklearn": SKOPS, "python_function": {"loader_module": "harm", "code": "code"}}, "its loader_module is harm;"),
    ({"sklearn": {**SKOPS, "code": "code"}, "python_function": PYFUNC}, "it has code of its own in code"),
    ({"sklearn": SKOPS, "python_function": {**PYFUNC, "code": "code"}}, "it has code of its own in code"),
    ({"sklearn": SKOPS, "pytorch": {"model_data": "data"}}, "it has other flavors than sklearn: pytorch"),
    ({"xgboost": {"data": "model.skops"}, "sklearn": PICKLED}, "it is saved as cloudpickle"),
]


@pytest.mark.parametrize(("flavors", "why"), RUNS_CODE, ids=[why for _, why in RUNS_CODE])
def test_what_may_run_code_is_refused_by_name_and_nothing_of_it_runs(
    settings: Settings, folder: Path, flavors: dict[str, Any], why: str
) -> None:
    state(folder, **flavors)
    with pytest.raises(ModelNotFound, match=rf"models/other is not loaded.*{why}.*allow_pickle = true in \[models\."):
        load(settings)
    assert not (settings.home / "ran").exists()


@pytest.mark.parametrize(
    "flavors",
    [
        {"pytorch": {"model_data": "data", "pytorch_version": "2"}},
        {},
    ],
)
def test_a_model_of_no_flavor_that_galley_loads_is_refused_whatever_is_allowed(
    settings: Settings, folder: Path, flavors: dict[str, Any]
) -> None:
    state(folder, **flavors)
    with pytest.raises(ModelNotFound, match="galley loads sklearn, lightgbm, xgboost, catboost"):
        load(allowing(settings, "allow_pickle = true"))
    assert not (settings.home / "ran").exists()


@pytest.mark.parametrize(
    "flavor",
    [
        {"loader_module": "mlflow.pyfunc.model", "python_model": "model.pkl"},
        {"loader_module": "harm", "code": "code"},
    ],
)
def test_a_model_of_any_other_flavor_may_run_code_and_is_refused_unless_that_is_allowed(
    settings: Settings, folder: Path, flavor: dict[str, str]
) -> None:
    state(folder, python_function=flavor)
    with pytest.raises(ModelNotFound, match="it is saved as python_function"):
        load(settings)
    assert not (settings.home / "ran").exists()


class Doubled(mlflow.pyfunc.PythonModel):
    """A model of one's own: MLflow's pyfunc."""

    def predict(self, context: Any, model_input: pd.DataFrame) -> Any:  # noqa: ARG002
        return model_input["a"] / 40


def test_a_pyfunc_predicts_by_its_signature_where_galley_toml_allows_it(settings: Settings) -> None:
    rows = pd.DataFrame(ROWS, columns=["a", "b"])
    signature = mlflow.models.infer_signature(rows, rows["a"])
    folder = settings.model_data / "models" / "other"
    mlflow.pyfunc.save_model(folder, python_model=Doubled(), signature=signature, pip_requirements=[])
    allowed = allowing(settings, "allow_pickle = true")
    with pytest.warns(UserWarning, match="may run code .*: it is saved as python_function"):
        predict = models.resolve("models/other", allowed).predictor()
    assert predict(rows[["b", "a"]]).tolist() == (rows["a"] / 40).tolist()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (pd.DataFrame({"a": [1.0]}), "takes b, which the rows do not have"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), "takes b as double, and the rows have"),
    ],
)
def test_rows_that_do_not_fit_the_signature_are_refused_by_column(
    settings: Settings, rows: pd.DataFrame, words: str
) -> None:
    fitted = pd.DataFrame(ROWS, columns=["a", "b"])
    model = LogisticRegression().fit(fitted, TARGET)
    save(model, settings.model_data / "models" / "other", fitted, "run")
    predict = models.resolve("models/other", settings).predictor()
    assert predict(fitted[["b", "a"]]).tolist() == model.predict_proba(fitted)[:, 1].tolist()
    with pytest.raises(ModelNotFound, match=words):
        predict(rows)


@pytest.mark.parametrize(
    "name", ["../outside.skops", "link.skops", "code/../model.skops", "metrics.json", "none.skops", ".", None]
)
def test_a_file_that_is_not_one_of_its_own_is_not_loaded(settings: Settings, folder: Path, name: str) -> None:
    state(folder, sklearn={**SKOPS, "pickled_model": name})
    with pytest.raises(ModelNotFound, match="is not a file of its own"):
        load(settings)


def test_an_absolute_path_is_not_one_of_its_own_files_either(settings: Settings, folder: Path) -> None:
    state(folder, sklearn={**SKOPS, "pickled_model": str(folder / "model.skops")})
    with pytest.raises(ModelNotFound, match="is not a file of its own"):
        load(settings)


@pytest.mark.parametrize(
    "text", ["", "[", "flavors", "flavors: [sklearn]", "flavors: {sklearn: x}", "[" * 100_000, "flavors: \x00"]
)
def test_an_mlmodel_that_says_nothing_is_refused(settings: Settings, folder: Path, text: str) -> None:
    (folder / "MLmodel").write_text(text)
    with pytest.raises(ModelNotFound, match="its MLmodel cannot be read"):
        load(settings)


def test_a_few_lines_that_stand_for_a_very_long_list_are_not_written_out(settings: Settings, folder: Path) -> None:
    doubled = "\n".join(f"x{number}: &x{number} [*x{number - 1}, *x{number - 1}]" for number in range(1, 60))
    flavors = "flavors: {sklearn: {pickled_model: *x59, serialization_format: *x59, code: *x59}}"
    (folder / "MLmodel").write_text(f"x0: &x0 [a]\n{doubled}\n{flavors}\n")
    with pytest.raises(ModelNotFound, match="it is saved as a list; it has code of its own in a list"):
        load(settings)


def test_an_mlmodel_cannot_make_python_objects(settings: Settings, folder: Path) -> None:
    ran = settings.home / "ran"
    (folder / "MLmodel").write_text(f"flavors: {{sklearn: !!python/object/apply:os.mkdir [{ran}]}}")
    with pytest.raises(ModelNotFound, match="its MLmodel cannot be read"):
        load(settings)
    assert not ran.exists()


def test_types_are_trusted_by_the_project_and_not_by_the_file(settings: Settings, folder: Path) -> None:
    harm = make_pipeline(FunctionTransformer(os.mkdir), LogisticRegression())
    (folder / "model.skops").write_bytes(skops.io.dumps(harm))
    state(folder, sklearn={**SKOPS, "skops_trusted_types": ["posix.mkdir"]})
    with pytest.raises(
        ModelNotFound, match=r"not trusted: posix\.mkdir\. Add .* to `trusted` in \[models\..*galley\.toml"
    ):
        load(settings)


def test_boosted_trees_load_where_galley_toml_trusts_their_type(settings: Settings, folder: Path) -> None:
    boosted = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, TARGET)
    (folder / "model.skops").write_bytes(skops.io.dumps(boosted))
    with pytest.raises(ModelNotFound, match=f"not trusted: {TREES}"):
        load(settings)
    assert load(allowing(settings, f'trusted = ["{TREES}"]')).n_iter_ == 2


TARGETS = {"binary": TARGET, "multiclass": [a % 3 for a in range(20)], "regression": [a / 7 for a in range(20)]}
PROBLEMS = {"binary": Binary(), "multiclass": Multiclass(("0", "1", "2")), "regression": Regression()}


def a_lightgbm_model(folder: Path, kind: str) -> Any:
    import lightgbm
    import mlflow.lightgbm

    data = lightgbm.Dataset(np.array(ROWS), TARGETS[kind])
    asked = {"objective": kind, "num_class": 3 if kind == "multiclass" else 1, "min_data_in_leaf": 1, "verbose": -1}
    booster = lightgbm.train(asked, data, 5)
    mlflow.lightgbm.save_model(booster, folder, pip_requirements=[])
    return booster.predict(ROWS)


def an_xgboost_model(folder: Path, kind: str) -> Any:
    import mlflow.xgboost
    import xgboost

    made = xgboost.XGBRegressor if kind == "regression" else xgboost.XGBClassifier
    model = made(n_estimators=5).fit(np.array(ROWS), TARGETS[kind])
    mlflow.xgboost.save_model(model, folder, model_format="json", pip_requirements=[])
    return model.predict(ROWS) if kind == "regression" else model.predict_proba(ROWS)


def a_catboost_model(folder: Path, kind: str) -> Any:
    import catboost
    import mlflow.catboost

    made = catboost.CatBoostRegressor if kind == "regression" else catboost.CatBoostClassifier
    model = made(iterations=5, verbose=0, allow_writing_files=False).fit(ROWS, TARGETS[kind])
    mlflow.catboost.save_model(model, folder, pip_requirements=[])
    return model.predict(ROWS) if kind == "regression" else model.predict_proba(ROWS)


NATIVE = {"lightgbm": a_lightgbm_model, "xgboost": an_xgboost_model, "catboost": a_catboost_model}


@pytest.mark.parametrize("library", NATIVE)
@pytest.mark.parametrize("kind", PROBLEMS)
def test_the_own_format_of_a_library_of_boosted_trees_is_loaded_where_the_library_is(
    settings: Settings, library: str, kind: str
) -> None:
    pytest.importorskip(library, reason=f"{library} is not part of galley's environments")
    problem = PROBLEMS[kind]
    expected = problem.checked(NATIVE[library](settings.model_data / "models" / "other", kind), len(ROWS))
    assert problem.ask(load(settings), np.array(ROWS)).tolist() == expected.tolist()


@pytest.mark.parametrize("library", NATIVE)
def test_a_file_that_is_no_model_of_the_library_is_not_loaded(settings: Settings, folder: Path, library: str) -> None:
    state(folder, **{library: {"data": "model.pkl"}})
    with pytest.raises(ModelNotFound, match="models/other does not load"):
        load(settings)
    assert not (settings.home / "ran").exists()


def test_a_pickle_loads_where_galley_toml_allows_it_and_that_is_said(
    settings: Settings, folder: Path, train: Make, client: MlflowClient
) -> None:
    day = train("2026-11-23", saved_as="cloudpickle")
    allowed = allowing(settings, "allow_pickle = true")
    with pytest.warns(UserWarning, match=r"models/2026-11-23: loading it may run code .*: it is saved as cloudpickle"):
        loaded = models.resolve("models/2026-11-23", allowed).load()
    assert loaded.predict_proba(ROWS).shape == (20, 2)
    said = "not by a recorded decision; loading it may run code that came with it, which allow_pickle permits"
    assert said in choose(Day.of("2026-11-23", allowed), "models/2026-11-23", "day").why
    assert card.origin(client, day).notice.endswith("it is saved as cloudpickle")


def test_what_runs_no_code_is_not_said_to(train: Make, client: MlflowClient, recwarn: pytest.WarningsRecorder) -> None:
    day = train("2026-11-23")
    models.resolve("models/2026-11-23", day.settings).load()
    assert choose(day, "models/2026-11-23", "day").why.endswith("not by a recorded decision")
    assert card.origin(client, day).notice == ""
    assert [str(each.message) for each in recwarn if "code" in str(each.message)] == []
