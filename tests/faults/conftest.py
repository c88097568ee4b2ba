"""A desk for each test, and the promise that no kernel and no container outlives it."""

import time
from pathlib import Path

import pytest
from desk_of_stages import Desk, containers, kernels


@pytest.fixture
def desk(tmp_path: Path, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path / "project", runner)
    monkeypatch.setenv("GALLEY_HOME", str(desk.home))  # what a kernel's own Stage goes by
    return desk


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """For tests of how a run ends: it ends alike, however its kernel was started. Containers start one kind."""
    if "kind_of_kernel" in metafunc.fixturenames:
        local = metafunc.config.getoption("--runner") == "local"
        kinds = {"forked": "on", "cold": "off"} if local else {"container": "off"}
        metafunc.parametrize("kind_of_kernel", kinds.values(), ids=kinds.keys(), indirect=True)


@pytest.fixture
def kind_of_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALLEY_WARM_KERNELS", request.param)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, runner: dict[str, str]):
    yield
    assert kernels(tmp_path) == []
    deadline = time.monotonic() + 10  # the engine is still removing one whose task was killed a moment ago
    while runner and containers(tmp_path, "created"):
        assert time.monotonic() < deadline, "a container is left"
        time.sleep(0.1)
