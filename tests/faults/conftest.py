"""A desk for each test, and the promise that no kernel outlives it."""

from pathlib import Path

import pytest
from desk_of_stages import Desk, kernels


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path / "project")
    monkeypatch.setenv("GALLEY_HOME", str(desk.home))  # what a kernel's own Stage goes by
    return desk


@pytest.fixture(params=["on", "off"], ids=["forked", "cold"])
def each_kind_of_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of how a run ends: it ends alike, however its kernel was started."""
    monkeypatch.setenv("GALLEY_WARM_KERNELS", request.param)


@pytest.fixture(autouse=True)
def _no_kernel_is_left(tmp_path: Path):
    yield
    assert kernels(tmp_path) == []
