"""Folder: the files of a saved model, and what is digested as the model."""

from pathlib import Path

from galley.errors import MissingInput
from galley.storage import files

NOT_THE_MODEL = frozenset({"metrics.json", "registered_model_meta"})
"""Files in a model's folder that others add to it: ours, and a note that MLflow leaves where it loads from."""


def model_digest(folder: Path) -> str:
    """The SHA-256 of a model's folder: what predicts and how it is loaded, without the metrics kept beside it."""
    return files.digest(folder, model_files(folder))


def model_files(folder: Path) -> list[str]:
    """The names of the files of the model that was saved to a folder. Raises MissingInput if there is none."""
    if not (folder / "MLmodel").is_file():
        raise MissingInput(f"There is no model in {folder}. Run the stage that trains it first.")
    return [name for name in files.names_in(folder) if Path(name).name not in NOT_THE_MODEL]
