"""What a person tries in JupyterLab, or by `galley diff`, registers no version that nobody asked for."""

from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from tiny_model import shape_of

from galley.days import Day
from galley.handover import AD_HOC, DIFF
from galley.registry.versions import register

Make = Callable[..., Day]


@pytest.mark.parametrize(("where", "asked", "version"), [
    ("JupyterLab", False, ""),
    ("JupyterLab", True, "1"),
    (DIFF, False, ""),
    (DIFF, True, ""),
])  # fmt: skip
def test_a_version_is_registered_where_it_is_asked_for_and_stays(
    train: Make, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, where: str, asked: bool, version: str
) -> None:
    day = train("2026-11-16")
    monkeypatch.setenv(AD_HOC, where)
    assert register(day, {}, stage=shape_of(day).registers, ad_hoc=asked) == version
    assert [str(found.version) for found in client.search_model_versions()] == ([version] if version else [])
