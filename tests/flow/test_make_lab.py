"""`make lab` on a fresh project: JupyterLab on loopback, with a token, on the notebooks, with the stages' kernels."""

import contextlib
import json
import re
import signal
import time
import urllib.error
import urllib.request

import psutil
import pytest

ASK = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@pytest.fixture(scope="module")
def lab(project):
    """The process, and the address with the token that it shows."""
    process = project.start("lab")
    for line in process.stdout:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", line)
        if found:
            wait_until_it_listens(f"{found[1]}/api")
            yield process, found[1], found[2]
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def wait_until_it_listens(url):
    """The address is shown a moment before anyone answers there."""
    for _ in range(100):
        with contextlib.suppress(urllib.error.URLError):
            return ASK(url, timeout=30).close()
        time.sleep(0.1)
    raise AssertionError(f"nobody answers at {url}")


def answer(lab, path):
    _, address, token = lab
    with ASK(f"{address}{path}?token={token}", timeout=30) as response:
        return json.loads(response.read())


def test_it_shows_the_notebooks_by_their_dags(lab, project):
    shown = {entry["name"] for entry in answer(lab, "/api/contents")["content"]}
    assert shown == {folder.name for folder in (project.home / "notebooks").iterdir() if folder.is_dir()}


def test_its_kernels_are_those_of_the_stages(lab):
    assert {"workbench", "data"} <= set(answer(lab, "/api/kernelspecs")["kernelspecs"])


def test_nobody_comes_in_without_the_token(lab):
    _, address, _ = lab
    with pytest.raises(urllib.error.HTTPError) as refused:
        ASK(f"{address}/api/contents", timeout=30)
    assert refused.value.code == 403


def listening(process):
    """The addresses where a process listens; none, if it is gone by now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {at.laddr.ip for at in process.net_connections() if at.status == psutil.CONN_LISTEN}
    return set()


def test_it_listens_on_loopback_alone(lab):
    server = psutil.Process(lab[0].pid)
    assert listening(server) == {"127.0.0.1"}
    assert set().union(*map(listening, server.children(recursive=True))) <= {"127.0.0.1"}
