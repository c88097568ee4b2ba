"""A model whose flavor galley.toml gives to a kernel is loaded and asked there, and answers as it would here."""

import os
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from shapes import Shape
from sklearn.linear_model import LinearRegression, LogisticRegression
from tiny_model import ROWS, SHAPES, TARGET

from galley.errors import KernelNotFound, ModelNotFound, SettingsError
from galley.kernels.kernelspec import write_kernelspec
from galley.problems import Regression
from galley.registry import models
from galley.registry.other_kernel import ModelInKernel
from galley.settings import Settings
from galley.training import save

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the other process does not have this file
FRAME = pd.DataFrame(ROWS, columns=["a", "b"], index=range(100, 120)).assign(c="x")
FITTED = LogisticRegression().fit(FRAME[["a", "b"]], TARGET)


@pytest.fixture
def shape() -> Shape:
    return SHAPES["tiny"]


@pytest.fixture(scope="module")
def jupyter_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel of another environment, which borrows the libraries of this one."""
    folder = tmp_path_factory.mktemp("other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    borrowed = folder / "venv" / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix) / "borrowed.pth"
    borrowed.write_text("\n".join(path for path in sys.path if path.endswith(("site-packages", "src"))))
    write_kernelspec("other", folder / "venv" / "bin" / "python", folder)
    return folder


@pytest.fixture
def declared(settings: Settings, jupyter_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))
    return declare(settings, '[kernels.other]\nloads = ["sklearn", "python_function"]')


def declare(settings: Settings, *lines: str) -> Settings:
    with settings.project_file.open("a") as declared:
        declared.write("\n".join([*lines, ""]))
    return Settings.from_environment({"GALLEY_HOME": str(settings.home)})


@pytest.fixture
def folder(settings: Settings) -> Path:
    found = settings.model_data / "models" / "other"
    save(FITTED, found, FRAME[["a", "b"]], "run")
    return found


class Strange(mlflow.pyfunc.PythonModel):
    """A model that acts by the first of its rows, in whichever process it is."""

    def predict(self, model_input: pd.DataFrame) -> Any:
        if model_input["a"].iloc[0] == 1:
            raise ValueError("no such row")
        if model_input["a"].iloc[0] == 2:
            os._exit(3)
        return np.full(len(model_input), float(os.getpid()))


def strange(settings: Settings) -> Any:
    mlflow.pyfunc.save_model(
        settings.model_data / "models" / "strange",
        python_model=Strange(),
        signature=mlflow.models.infer_signature(FRAME[["a"]], [0.5]),
        pip_requirements=[],
    )
    with pytest.warns(UserWarning, match="may run code"):
        return models.resolve("models/strange", settings).load()


def test_it_says_what_it_would_say_here_of_a_frame_and_of_an_array(declared: Settings, folder: Path) -> None:
    model = models.resolve("models/other", declared).load()
    assert isinstance(model, ModelInKernel)
    assert model.predict_proba(FRAME[["a", "b"]]).tolist() == FITTED.predict_proba(FRAME[["a", "b"]]).tolist()
    assert model.predict_proba(np.array(ROWS)).tolist() == FITTED.predict_proba(np.array(ROWS)).tolist()
    assert list(model.classes_) == [0, 1]
    predict = models.resolve("models/other", declared).predictor()
    assert predict(FRAME).tolist() == FITTED.predict_proba(FRAME[["a", "b"]])[:, 1].tolist()


class WithEnds(LinearRegression):
    """A model of numbers that gives an interval."""

    def predict_interval(self, rows: Any) -> Any:
        return np.column_stack([self.predict(rows) - 1, self.predict(rows) + 2])


def test_an_interval_that_a_model_gives_comes_over_too(declared: Settings, settings: Settings) -> None:
    model = WithEnds().fit(FRAME[["a", "b"]], TARGET)
    mlflow.sklearn.save_model(
        model, settings.model_data / "models" / "ends", serialization_format="cloudpickle", pip_requirements=[]
    )
    with pytest.warns(UserWarning, match="may run code"):
        there = models.resolve("models/ends", _allowing(declared)).load()
    assert not hasattr(there, "predict_proba")
    asked = Regression().ask(there, FRAME[["a", "b"]])
    assert asked.tolist() == Regression().ask(model, FRAME[["a", "b"]]).tolist()
    assert asked.shape == (len(FRAME), 3)


def test_it_is_in_this_process_if_the_kernel_is_this_one(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kernelspec("own", Path(sys.executable), tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    declared = declare(settings, '[kernels.own]\nloads = ["sklearn"]')
    assert isinstance(models.resolve("models/other", declared).load(), LogisticRegression)


def test_threads_that_ask_at_once_each_get_their_own_answer(declared: Settings, folder: Path) -> None:
    model, said = models.resolve("models/other", declared).load(), {}

    def ask(number: int) -> None:
        said[number] = model.predict_proba(FRAME[["a", "b"]].iloc[number:])[0, 1]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [said[number] for number in range(20)] == FITTED.predict_proba(FRAME[["a", "b"]])[:, 1].tolist()


def test_its_process_ends_with_it(declared: Settings) -> None:
    model = strange(_allowing(declared))
    (pid,) = set(model.predict(FRAME[["a"]]))
    assert pid != os.getpid()
    del model
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def _allowing(settings: Settings) -> Settings:
    text = settings.project_file.read_text()
    settings.project_file.write_text(text.replace("pinned = true", "pinned = true\nallow_pickle = true"))
    return Settings.from_environment({"GALLEY_HOME": str(settings.home)})


def test_what_it_raises_is_said_with_its_kernel_and_it_can_be_asked_again(declared: Settings) -> None:
    model = strange(_allowing(declared))
    with pytest.raises(ModelNotFound, match=r"in the kernel 'other': .*no such row"):
        model.predict(pd.DataFrame({"a": [1.0]}))
    assert len(model.predict(pd.DataFrame({"a": [5.0, 6.0]}))) == 2


def test_a_process_that_ends_is_no_answer(declared: Settings) -> None:
    model = strange(_allowing(declared))
    for _ in range(2):
        with pytest.raises(ModelNotFound, match="in the kernel 'other' ended with 3"):
            model.predict(pd.DataFrame({"a": [2.0]}))


def test_what_may_run_code_is_refused_before_the_kernel_is_asked(declared: Settings, folder: Path) -> None:
    mlflow.pyfunc.save_model(folder.parent / "strange", python_model=Strange(), pip_requirements=[])
    with pytest.raises(ModelNotFound, match="it is saved as python_function"):
        models.resolve("models/strange", declared).load()


def test_types_that_are_not_trusted_are_refused_there_as_here(declared: Settings, folder: Path) -> None:
    (folder / "model.skops").write_bytes(b"no archive")
    with pytest.raises(ModelNotFound, match="models/other is not loaded: in the kernel 'other'"):
        models.resolve("models/other", declared).load()


def test_a_kernel_without_galley_says_so(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    write_kernelspec("bare", tmp_path / "venv" / "bin" / "python", tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(ModelNotFound, match=r"in the kernel 'bare' ended with 1.*its environment needs galley"):
        models.resolve("models/other", declare(settings, '[kernels.bare]\nloads = ["sklearn"]')).load()
    assert "No module named 'galley'" in capfd.readouterr().err


def test_a_kernel_that_is_not_there_is_named_with_what_to_do(settings: Settings, folder: Path) -> None:
    declared = declare(settings, '[kernels.gone]\nloads = ["sklearn"]')
    with pytest.raises(KernelNotFound, match=r"\[kernels.gone\] load models, .* `galley kernel install gone`"):
        models.resolve("models/other", declared).load()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[kernels.a]\nloads = ["torch"]', r"kernels.a.loads.0: 'torch' is not one of sklearn, lightgbm"),
        ('[kernels.a]\nloads = ["xgboost"]\n[kernels.b]\nloads = ["xgboost"]', r"kernels.b.loads: kernels.a loads xgb"),
    ],
)
def test_what_galley_toml_may_not_say_of_it_is_refused(settings: Settings, lines: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        declare(settings, lines)
