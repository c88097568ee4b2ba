"""Format: what the model in a folder is saved as, and how it is loaded without running code that came with it.

An MLmodel can only choose among the loaders below, which read data whatever a file holds. Anything else may run code,
and needs `allow_pickle` in galley.toml.
"""

import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from galley.errors import ModelNotFound
from galley.markdown import shortened
from galley.project import FLAVORS
from galley.registry.folder import model_files
from galley.storage import files

if TYPE_CHECKING:
    from galley.settings import Settings

*_NATIVE, _FOR_ANY_TOOL = FLAVORS
"""The flavor that MLflow adds to each. It is used to load those that are none of the above, which needs code."""
_BOOSTER = "lightgbm.basic.Booster"
_LARGEST = 16 * 2**20
"""Bytes that an MLmodel may have."""


@dataclass(frozen=True)
class Format:
    """How the model in a folder was saved: MLflow's flavor, the name of the file that holds it, and what reads that.

    `code` says why loading it may run code that came with it; blank if it runs none. `columns` are the names and types
    that its signature takes, in order; empty if it has none of columns.
    """

    folder: Path
    flavor: str
    file: str
    serialization: str
    code: str
    columns: Mapping[str, str]

    @property
    def notice(self) -> str:
        """What to say of a model that is loaded although `code` is not blank; blank for any other."""
        if not self.code:
            return ""
        return f"loading it may run code that came with it, which allow_pickle permits: {self.code}"

    def load(self, settings: "Settings") -> Any:
        """The model, which has `predict_proba` or `predict`: in the kernel that galley.toml names for it, or here.

        Raises ModelNotFound if it may run code or has types that galley.toml does not allow, and if its file is not in
        the folder; KernelNotFound if there is no such kernel; and what its library raises of a file that is not whole.
        """
        # Its pandas and pyarrow are a kernel's: Airflow's processes import this module too, and have neither.
        from galley.registry import other_kernel

        kernel = other_kernel.kernel_for(self.flavor, settings)
        if not kernel:
            return self.load_here(settings)
        self._require_allowed(settings)
        return other_kernel.ModelInKernel(self.folder, kernel, settings)

    def load_here(self, settings: "Settings") -> Any:
        """The model in this process, whichever kernel is named for it. Raises what `load` raises."""
        self._require_allowed(settings)
        if self.flavor == _FOR_ANY_TOOL:
            import mlflow.pyfunc

            return mlflow.pyfunc.load_model(str(self.folder))
        with self._open() as stream:
            if self.code:
                return importlib.import_module(f"mlflow.{self.flavor}").load_model(str(self.folder))
            if self.serialization == "skops":
                return _load_skops(stream, settings.model.trusted, _where(settings))
            return _LIBRARIES[self.serialization](stream.read())

    def _require_allowed(self, settings: "Settings") -> None:
        if self.code and not settings.model.allow_pickle:
            raise ModelNotFound(
                f"loading it may run code that came with it: {self.code}. Save it as skops or in the own format of "
                f"LightGBM, XGBoost or CatBoost; or set allow_pickle = true {_where(settings)}, if you trust all who "
                "can write it."
            )

    def _open(self) -> IO[bytes]:
        """Its file, which is one of those that the digest of the folder is made of."""
        try:
            if self.file in model_files(self.folder):
                return files.open_regular(self.folder / self.file, os.O_NOFOLLOW)
        except OSError:
            pass  # a link
        raise ModelNotFound(f"its MLmodel names {_shown(self.file)!r}, which is not a file of its own. Train it again.")


def format_of(folder: Path) -> Format:
    """How the model in a folder was saved. Raises ModelNotFound if it does not say that galley can load it."""
    stated = _stated(folder)
    flavors = _flavors(stated)
    flavor = next((name for name in FLAVORS if name in flavors), "")
    if not flavor:
        raise ModelNotFound(
            f"its MLmodel has the flavors {_shown(', '.join(flavors))}, and galley loads {', '.join(_NATIVE)}, and "
            f"any other as {_FOR_ANY_TOOL}. Log it as one of these."
        )
    of_it = flavors[flavor]
    serialization = _serialization(flavor, of_it)
    file = of_it.get("pickled_model" if flavor == "sklearn" else "data", "")
    code = "; ".join(_code(flavors, flavor, serialization))
    return Format(folder, flavor, file, serialization, code, _columns(stated))


def _stated(folder: Path) -> Mapping[str, Any]:
    import yaml

    try:
        return dict(yaml.safe_load(files.read_regular(folder / "MLmodel", _LARGEST)))
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise _unreadable(error) from None


def _flavors(stated: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """The flavors of an MLmodel, and what it states of each: texts, or of what kind else it is."""
    try:
        named = stated["flavors"].items()
        return {str(name): {key: _text(value) for key, value in each.items()} for name, each in named}
    except (TypeError, LookupError, AttributeError) as error:
        raise _unreadable(error) from None


def _columns(stated: Mapping[str, Any]) -> dict[str, str]:
    """The columns that the signature of an MLmodel takes; none where it has none, or takes no columns."""
    signature = stated.get("signature")
    if not signature:
        return {}
    try:
        return {each["name"]: each["type"] for each in json.loads(signature["inputs"]) if each["type"] != "tensor"}
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> ModelNotFound:
    return ModelNotFound(f"its MLmodel cannot be read ({_shown(error)}). Train it again.")


def _text(value: object) -> str:
    """A text as it is; anything else by its kind alone, because a few lines of YAML can be a very long list."""
    if isinstance(value, str):
        return value
    return "" if value is None else f"a {type(value).__name__}"


def _serialization(flavor: str, stated: Mapping[str, str]) -> str:
    """What reads its file; MLflow saves LightGBM's boosters as text, and its estimators as scikit-learn's."""
    if flavor == "sklearn" or (flavor == "lightgbm" and stated.get("model_class", _BOOSTER) != _BOOSTER):
        return stated.get("serialization_format") or "pickle"
    return flavor


def _code(flavors: Mapping[str, Mapping[str, str]], flavor: str, serialization: str) -> Iterator[str]:
    """Why code that came with the model may run, by all that the MLmodel states."""
    if serialization != "skops" and serialization not in _LIBRARIES:
        yield f"it is saved as {_shown(serialization)}"
    if others := [name for name in flavors if name not in (flavor, _FOR_ANY_TOOL)]:
        yield f"it has other flavors than {flavor}: {_shown(', '.join(others))}"
    loader = flavors.get(_FOR_ANY_TOOL, {}).get("loader_module", f"mlflow.{flavor}")
    if loader != f"mlflow.{flavor}":
        yield f"its loader_module is {_shown(loader)}"
    for code in dict.fromkeys(stated["code"] for stated in flavors.values() if stated.get("code")):
        yield f"it has code of its own in {_shown(code)}"


def _where(settings: "Settings") -> str:
    return f"in [models.{settings.model.name}] of {settings.project_file.name}"


def _shown(stated: object) -> str:
    return shortened(" ".join(str(stated).split()), 80)


def _load_skops(stream: IO[bytes], trusted: Sequence[str], where: str) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(stream, trusted=list(trusted))
    except UntrustedTypesFoundException:
        unknown = sorted({*skops.io.get_untrusted_types(file=stream)} - {*trusted})
        raise ModelNotFound(
            f"it has types that are not trusted: {', '.join(unknown)}. Add those that you know to `trusted` {where}; "
            "otherwise it is not a model of this project."
        ) from None


def _load_lightgbm(content: bytes) -> Any:
    """Its booster, whose `predict` gives probabilities where it classifies."""
    import lightgbm

    return lightgbm.Booster(model_str=content.decode())


def _load_xgboost(content: bytes) -> Any:
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(content))
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    classifies = objective.startswith(("binary:", "multi:"))
    model = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
    model.load_model(bytearray(content))
    return model


def _load_catboost(content: bytes) -> Any:
    import catboost

    loaded = catboost.CatBoost().load_model(blob=content)
    if loaded.get_all_params()["loss_function"] not in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"):
        return loaded
    return catboost.CatBoostClassifier().load_model(blob=content)


_LIBRARIES = {"lightgbm": _load_lightgbm, "xgboost": _load_xgboost, "catboost": _load_catboost}
"""What reads a file in a library's own format; none of these runs code of the file's."""
