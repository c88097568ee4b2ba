"""Kernelspecs: how a stage's kernel is started, written where papermill finds them without touching the user's home."""

from importlib.util import find_spec
from pathlib import Path

from galley.kernels import options
from galley.storage import files

_PRELOADED = (
    "numpy", "pandas", "pandas.io.formats.style", "pandas.plotting._matplotlib", "pyarrow", "pyarrow.csv",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
    "sklearn.ensemble", "sklearn.pipeline", "sklearn.compose", "sklearn.linear_model", "sklearn.preprocessing",
    "sklearn.model_selection", "sklearn.metrics", "sklearn.inspection", "sklearn.calibration",
    "mlflow", "mlflow.sklearn", "mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store", "sqlalchemy.dialects.sqlite", "skops.io",
    # What these import only when they are used: the frames of scikit-learn, MLflow's tracing, matplotlib's pictures.
    "narwhals._pandas_like.namespace", "opentelemetry.sdk.metrics", "PIL.JpegImagePlugin", "PIL.GifImagePlugin",
    "galley.stage", "galley.contract", "galley.project",
    "galley.problems.binary", "galley.problems.multiclass", "galley.problems.regression",
    "galley.registry.contenders", "galley.registry.promotion", "galley.registry.selection", "galley.scoring.score",
    "galley.review.backtest", "galley.review.baseline", "galley.review.bootstrap", "galley.review.changes",
    "galley.review.checks", "galley.review.drift", "galley.review.permutation", "galley.review.slicing",
    "galley.review.trend",
)  # fmt: skip
"""What warm kernels have imported, of what their environment has. Add what makes your stages' first cell slow."""


def write_kernelspec(name: str, python: Path, jupyter_path: Path) -> Path:
    """Write the kernelspec `name` for an environment's interpreter under `jupyter_path`, and return its file.

    Put `jupyter_path` into JUPYTER_PATH for it to be found.
    """
    target = jupyter_path / "kernels" / name / "kernel.json"
    spec = {
        # ERROR, because ipykernel warns at each start that it listens on TCP: an error line in each task's log.
        "argv": [str(python), "-m", "galley.kernels.application", "-f", "{connection_file}", "--log-level=ERROR"],
        "display_name": f"galley {name}",
        "language": "python",
        "env": {
            # For who starts it in JupyterLab; stages have it of galley.kernels.options, whatever the kernelspec says.
            "PATH": options.path(python, "${PATH}"),
            # tqdm, which MLflow imports, would tell each report's reader to install a widget library.
            "PYTHONWARNINGS": "ignore:IProgress not found",
            # OpenMP's threads would spin while they wait for each other. Where other tasks want the processor, one of
            # them has none, and the others burn theirs: the fit of a small model took twenty times as long.
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        "metadata": {
            "debugger": True,
            "kernel_provisioner": {"provisioner_name": "galley-warm", "config": {"modules": _installed()}},
        },
    }
    files.write_json(target, spec)
    return target


def _installed() -> list[str]:
    return [name for name in _PRELOADED if _is_installed(name)]


def _is_installed(name: str) -> bool:
    """Whether there is a module, found without an import of the packages that it is in."""
    package, *inner = name.split(".")
    found = find_spec(package)
    if found is None or not inner:
        return found is not None
    paths = [Path(folder, *inner) for folder in found.submodule_search_locations or ()]
    return any(path.is_dir() or any(path.parent.glob(f"{path.name}.*")) for path in paths)
