"""Whatever somebody wrote into outputs: verifying reads no device, never waits, and says in words what is wrong."""

import json
import os

import pytest
from accepted_day import AcceptedDay, rewrite

from galley import cli
from galley.proof.verify import verify


@pytest.fixture
def accepted(settings):
    day = AcceptedDay(settings)
    vars(day).update(vars(day.accept("01_stage")))
    return day


@pytest.fixture
def told(monkeypatch, settings, capsys):
    """What `galley verify` of the day prints, and its exit code."""
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))

    def told(*arguments):
        code = cli.main(["verify", "2026-11-23", *arguments])
        printed = capsys.readouterr().out
        printed.encode()
        return code, printed

    return told


class Only(dict):
    """A record that has nothing else."""


DEEP = {"a": 1}
for _ in range(200):
    DEEP = {"a": DEEP}

RECORDS = {
    "no record": None,
    "a list": [],
    "no digest": {"record_sha256": None},
    "a digest that is a number": {"record_sha256": 5},
    "a digest of half a character": {"record_sha256": "\ud800"},
    "nothing but a digest": Only(record_sha256="0" * 64),
    "a deep conclusion": {"conclusion": DEEP},
    "no inputs": {"inputs": None},
    "inputs that are numbers": {"inputs": [1, 2]},
    "an input without anything": {"inputs": [{}]},
    "an input with a list as path": {"inputs": [{"path": []}]},
    "an input without bytes": {"inputs": [{"path": "data/x", "sha256": "0" * 64}]},
    "an input of a device": {"inputs": [{"path": "/dev/zero", "sha256": "0" * 64, "bytes": 1}]},
    "an input of half a character": {"inputs": [{"path": "data/\ud800\x1b[2J", "sha256": "0" * 64, "bytes": 1}]},
    "an input of a long name": {"inputs": [{"path": "data/" + "x" * 100_000, "sha256": "0" * 64, "bytes": 1}]},
    "a file in it that leads out": {"inputs": [{"path": "data", "files": ["../x"], "sha256": "0" * 64, "bytes": 1}]},
    "no source": {"source": None},
    "a source that is a device": {"source": {"path": "/dev/zero", "sha256": "0" * 64}},
    "a source of dots": {"source": {"path": "notebooks/../../../dev/zero", "sha256": "0" * 64}},
    "findings that are a number": {"findings": 5},
    "findings that are objects": {"findings": [{"a": "\ud800"}]},
    "a version that is a text": {"version": "two"},
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_that_no_run_wrote_is_found(accepted, told, record):
    def change(content):
        if type(record) is dict:
            content["metadata"]["galley"].update(record)
        else:
            content["metadata"]["galley"] = record

    rewrite(accepted.notebook, change)
    code, printed = told()
    assert code == 1
    assert "01_stage.ipynb" in printed
    assert "\x1b" not in printed
    assert len(printed) < 20_000
    assert json.loads(told("--json")[1])["findings"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["/etc/passwd"], "is outside of data, outputs and notebooks"),
        (["../../../../etc/passwd"], "is outside of data, outputs and notebooks"),
        (["MLmodel", "./MLmodel"], "it names a file twice"),
        (["MLmodel"] * 100_000, "it names a file twice"),
        (["MLmodel"], "has other content now"),
        ([5], "its files is [5]"),
    ],
    ids=["absolute", "dots", "spelt otherwise", "often", "other size", "no name"],
)
def test_the_files_of_a_folder_are_read_once_and_from_nowhere_else(accepted, names, problem):
    stated = {"path": "data/models/2026-11-23", "files": names, "sha256": "0" * 64, "bytes": 10**15}
    rewrite(accepted.notebook, lambda content: content["metadata"]["galley"].update(inputs=[stated], outputs=[]))
    (found,) = [each for each in verify(accepted.day) if each.name == stated["path"]]
    assert problem in found.problem


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


def to_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def to_link_that_leads_out(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def to_folder(path):
    path.unlink()
    path.mkdir()


def to_deep_json(path):
    path.unlink()
    path.write_text('{"metadata": ' + '{"a": ' * 100_000)


def to_noise(path):
    path.unlink()
    path.write_bytes(bytes(range(256)) * 10)


WAYS = [to_pipe, to_device, to_link_that_leads_out, to_folder, to_deep_json, to_noise]


@pytest.mark.parametrize("name", ["notebook", "page", "digests", "metrics", "raw", "source"])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_stands_in_the_place_of_a_file_is_found(accepted, told, way, name):
    path = getattr(accepted, name)
    way(path)
    code, printed = told()
    assert code == (0 if name == "source" else 1)
    assert path.name in printed


@pytest.mark.parametrize("way", WAYS)
def test_whatever_stands_in_the_place_of_an_attempt_stops_nobody(accepted, way):
    way(accepted.attempt)
    accepted.notebook.unlink()
    assert [each.name.rpartition("/")[2] for each in verify(accepted.day)] == ["01_stage.ipynb"]


def test_names_that_no_run_gives_are_found_or_left_alone(accepted):
    (accepted.reports / "\udcff.ipynb").write_text("{}")
    (accepted.reports / ".hidden.html").write_text("")
    (accepted.reports / "attempts" / "x.try.ipynb").write_text("{}")
    os.mkfifo(accepted.reports / "attempts" / "x.try1.ipynb")
    (accepted.reports.parent / "a file").write_text("")
    assert [each.name.rpartition("/")[2] for each in verify(accepted.day)] == ["\udcff.ipynb"]
