"""Init: what `galley init` writes, a project for each kind of problem that works at once."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from galley.errors import SettingsError

_TEMPLATE = Path(__file__).parent / "templates" / "project"
_OF_PROBLEM: Mapping[str, Mapping[str, str]] = {
    "binary": {
        "TARGET": "benign",
        "METRIC": "roc_auc",
        "CLASSES": '\nclasses = ["malignant", "benign"]',
        "LOADER": "load_breast_cancer",
        "KIND": "flag",
        "CAME": "_ALL.target.to_numpy()",
        "IMPORT": "from sklearn.linear_model import LogisticRegression",
        "ESTIMATOR": "LogisticRegression(C=0.1, max_iter=1000, random_state=seed)",
    },
    "multiclass": {
        "TARGET": "grape",
        "METRIC": "roc_auc",
        "CLASSES": '\nclasses = ["barbera", "barolo", "grignolino"]',
        "LOADER": "load_wine",
        "KIND": "text",
        "CAME": 'np.array(["barolo", "grignolino", "barbera"])[_ALL.target]',
        "IMPORT": "from sklearn.linear_model import LogisticRegression",
        "ESTIMATOR": "LogisticRegression(C=0.1, max_iter=1000, random_state=seed)",
    },
    "regression": {
        "TARGET": "progression",
        "METRIC": "mae",
        "CLASSES": "",
        "LOADER": "load_diabetes",
        "KIND": "number",
        "CAME": "_ALL.target.to_numpy()",
        "IMPORT": "from sklearn.linear_model import Ridge",
        "ESTIMATOR": "Ridge(alpha=1.0, random_state=seed)",
    },
}
PROBLEMS = tuple(_OF_PROBLEM)


def write_project(folder: Path, problem: str) -> list[Path]:
    """Write a project named after the folder, which is made; returns the paths of its files.

    Raises SettingsError if the folder is not empty, and if its name is none that a model and a package can have.
    """
    name = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,60}", name):
        raise SettingsError(
            f"{name!r} is no name for a project. Begin with a letter; go on with these, digits, - and _."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not an empty folder. Name another one, which init makes.")
    package = name.lower().replace("-", "_")
    words = {**_OF_PROBLEM[problem], "PROBLEM": problem, "NAME": name, "PACKAGE": package}
    written = []
    for path, text in _rendered(words):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        written.append(target)
    return written


def _rendered(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each file's path and text."""
    word = re.compile(rf"ITS_({'|'.join(words)})")
    for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        path = source.relative_to(_TEMPLATE).as_posix()
        text = word.sub(lambda found: words[found[1]], source.read_text())
        yield word.sub(lambda found: words[found[1]], path).replace("dot_", "."), text
