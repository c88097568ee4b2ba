"""`make lab` on a fresh project: JupyterLab on loopback, with a token, on the notebooks, with the stages' kernels."""

import json
import re
import signal
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
            yield process, found[1], found[2]
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


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


def test_it_listens_on_loopback_alone(lab):
    process, *_ = lab
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    listening = [c.laddr.ip for p in family for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}
