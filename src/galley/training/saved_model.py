"""Saved model: a fitted model as a folder in MLflow's format, a pipeline with the same bytes for the same pipeline."""

import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from galley.errors import SettingsError
from galley.storage import files

SKOPS_FILE = "model.skops"
REQUIREMENTS = [f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn", "skops")]
"""Stated, because MLflow would otherwise start a process to find out what the model imports."""

_EXAMPLE_ROWS = 3
_NAMED_BY_ADDRESS = re.compile(r'("__id__": |"file": ")([0-9a-f-]+)')


def save(model: Any, folder: Path, features: pd.DataFrame, run_id: str, trusted: Sequence[str] = ()) -> str:
    """Write the fitted model to `folder`, with its signature and an example from `features`; return its digest.

    A pipeline or an estimator of scikit-learn is saved as skops, a model of LightGBM, XGBoost or CatBoost in the own
    format of these, and a `mlflow.pyfunc.PythonModel` as MLflow does, which is loaded only where galley.toml has
    `allow_pickle`. The digest is that of the file with the model: MLflow stamps the folder's other files with the time
    and the run. `trusted` is what galley.toml says of the model: a pipeline with other types is refused with
    SettingsError, because nothing would load it.
    """
    import mlflow.models
    import mlflow.pyfunc

    library = type(model).__module__.partition(".")[0]
    example = features.head(_EXAMPLE_ROWS)
    with warnings.catch_warnings():
        # MLflow's own type hints, which it complains of when it is first imported: no line for a report.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred", category=UserWarning)
        of_any = {
            "mlflow_model": mlflow.models.Model(run_id=run_id),
            "signature": mlflow.models.infer_signature(example, model.predict(example)),
            "input_example": example,
        }
        if library in _OWN_FORMAT:
            file = _save_as_its_own(library, model, folder, of_any)
        elif isinstance(model, mlflow.pyfunc.PythonModel):
            mlflow.pyfunc.save_model(folder, python_model=model, pip_requirements=REQUIREMENTS, **of_any)
            file = "python_model.pkl"
        else:
            file = _save_as_skops(model, folder, trusted, of_any)
    return files.digest(folder / file)


_OWN_FORMAT: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "lightgbm": ("model.lgb", {}),
    "xgboost": ("model.json", {"model_format": "json"}),
    "catboost": ("model.cb", {}),
}
"""The file of each library's own format, and the arguments with which MLflow writes it."""


def _save_as_its_own(library: str, model: Any, folder: Path, of_any: Mapping[str, Any]) -> str:
    file, how = _OWN_FORMAT[library]
    # Of an estimator of LightGBM's, MLflow would pickle the whole.
    saved = getattr(model, "booster_", model) if library == "lightgbm" else model
    stated = [*REQUIREMENTS[:2], f"{library}=={import_module(library).__version__}"]
    import_module(f"mlflow.{library}").save_model(saved, folder, pip_requirements=stated, **how, **of_any)
    return file


def _save_as_skops(pipeline: Pipeline, folder: Path, trusted: Sequence[str], of_any: Mapping[str, Any]) -> str:
    import mlflow.sklearn

    try:
        mlflow.sklearn.save_model(
            pipeline,
            folder,
            serialization_format="skops",
            skops_trusted_types=list(trusted),
            pip_requirements=REQUIREMENTS,
            **of_any,
        )
    except mlflow.MlflowException:
        _require_trusted(pipeline, trusted)
        raise
    make_reproducible(folder / SKOPS_FILE)
    return SKOPS_FILE


def _require_trusted(pipeline: Pipeline, trusted: Sequence[str]) -> None:
    import skops.io

    unknown = sorted({*skops.io.get_untrusted_types(data=skops.io.dumps(pipeline))} - {*trusted})
    if unknown:
        raise SettingsError(
            f"The pipeline has types that are not trusted: {', '.join(unknown)}. Add those that you know to `trusted` "
            "in [models.NAME] of galley.toml, and hand that to save()."
        )


def make_reproducible(path: Path) -> None:
    """Rewrite a skops file so that equal models have equal bytes.

    skops names each object by its address in memory, or at random, and stamps its parts with the time. Here they are
    named by their order, and the time is the earliest that a ZIP file can state.
    """
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names: dict[str, str] = {}
    schema = _NAMED_BY_ADDRESS.sub(
        lambda found: found[1] + names.setdefault(found[2], str(len(names))), parts.pop("schema.json").decode()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            stem, dot, kind = name.partition(".")
            archive.writestr(zipfile.ZipInfo(names[stem] + dot + kind), content)
        archive.writestr(zipfile.ZipInfo("schema.json"), schema)
