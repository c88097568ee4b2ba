"""Reading: a CSV file as pandas reads it, and what is no CSV as a breach."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from galley.contract.breach import rewrite
from galley.contract.columns import Column
from galley.errors import ContractBreach


def open_csv(path: Path, columns: tuple[Column, ...], **options: Any) -> Any:
    """What pandas reads of a file; `options` are read_csv's. Raises ContractBreach for what is no CSV."""
    texts = {column.name: "str" for column in columns if column.kind in ("text", "moment")}
    with csv_errors(path):
        # Only an empty field is missing: "NA" or "None" in a text is a text.
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""], low_memory=False, **options)


@contextmanager
def csv_errors(path: Path) -> Iterator[None]:
    """What pandas raises of a file that is no CSV becomes ContractBreach."""
    name = file_name(path)
    try:
        yield
    except pd.errors.EmptyDataError:
        raise ContractBreach(f"{name}: the file is empty. {rewrite(name)}") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ContractBreach(f"{name}: no CSV in UTF-8 ({str(error).strip()}). {rewrite(name)}") from None


def file_name(path: Path) -> str:
    """What a breach calls a file: its day and name, and the folder of that."""
    return "/".join(path.parts[-3:])
