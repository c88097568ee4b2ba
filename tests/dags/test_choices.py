"""What the form of a rollback suggests: versions that somebody approved, and nothing that stops a DAG file."""

import pytest

from galley.airflow import approved_versions
from galley.proof.chain import Chain
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Decided, Digest, File, Task
from galley.settings import Settings

DECLARED = """[models.m]
problem = "binary"
key = "id"
target = "late"
train = "train"
review = "review"
rollback = "back"
"""


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """Somebody's decisions about the model of a project."""
    (tmp_path / "galley.toml").write_text(DECLARED)
    monkeypatch.setenv("GALLEY_HOME", str(tmp_path))
    for name in ("GALLEY_OUTPUTS", "GALLEY_KEYS", "GALLEY_PROJECT", "GALLEY_MODEL"):
        monkeypatch.delenv(name, raising=False)
    settings, key = Settings.from_environment(), SigningKey.generate()
    trust(key, settings.keys, "tests")
    page = tmp_path / "outputs" / "page.html"
    page.parent.mkdir()
    page.write_text("page")
    chain, file = Chain.of(settings.outputs, "m"), File.of("outputs/page.html", page)
    for number, (version, decision) in enumerate(
        [("1", "Approve"), ("2", "Reject"), ("3", "Approve"), ("1", "Rollback")]
    ):
        decided = Decided.of(
            model="m", version=version, ds="2026-11-23", decision=decision, person="ada", reason="why",
            asked_at=f"2026-11-23T0{number}:00:00.000000Z", answered_at=f"2026-11-23T0{number}:30:00.000000Z",
            task=Task(dag="train", run=f"r{number}", task="approval", number=1), form=Digest.of(b"form"),
            reports=(file,), policy={},
        )  # fmt: skip
        chain.append((file,), decided, key, TrustedKeys.read(settings.keys))
    return chain


def test_versions_that_were_approved_are_suggested_the_newest_decision_first(chain):
    assert approved_versions("back") == ["1", "3"]


def test_of_many_decisions_the_newest_are_looked_through(chain, monkeypatch):
    monkeypatch.setattr("galley.airflow.choices._SUGGESTED", 2)
    assert approved_versions("back") == ["1", "3"]
    monkeypatch.setattr("galley.airflow.choices._SUGGESTED", 1)
    assert approved_versions("back") == ["1"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"payload": "e30="}', b'{"payload": 1}', b"\xff"])
def test_what_is_no_statement_leaves_the_form_without_suggestions_and_the_dag_as_it_is(chain, content):
    (chain.folder / "000005.json").write_bytes(content)
    assert approved_versions("back") == []


def test_a_project_that_is_not_declared_well_has_none(chain, tmp_path):
    (tmp_path / "galley.toml").write_text("[models.m]\n")
    assert approved_versions("back") == []


def test_a_bucket_is_not_waited_for(chain, monkeypatch):
    monkeypatch.setenv("GALLEY_OUTPUTS", "s3://nowhere/outputs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert approved_versions("back") == []
