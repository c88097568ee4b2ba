"""The key that signs answers is changed while Airflow runs and a review waits, as docs/audit.md says."""

import json
import re
from datetime import UTC, datetime

import pytest
from desk import DAG, Desk, galley

from galley.proof.decision import stamp

FIRST, SECOND = "2026-11-16", "2026-11-23"


@pytest.fixture(scope="module")
def desk(project, registry):
    """One model in production, decided by the former key, and one whose review waits."""
    settings = {"GALLEY_REVIEWERS": "ada grace", "MLFLOW_TRACKING_URI": registry.url}
    desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | settings)
    for ds in (FIRST, SECOND):
        desk.trigger("generate_data", ds, source="synthetic", rows=300)
    for ds in (FIRST, SECOND):  # before the weeks, which look for it once a minute
        desk.wait(ds, "generate", "success", dag="generate_data")
    desk.trigger(DAG, FIRST, settings={"max_iter": 5})
    desk.answer(FIRST, "Approve", "better than guessing")
    desk.wait(FIRST, "promote", "success")
    desk.trigger(DAG, SECOND, settings={"max_iter": 10})
    desk.wait(SECOND, "approval", "awaiting_input")
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def former(desk, project, registry):
    """The former private key, whose time is over: a new one signs."""
    private = project.home / "private-key"
    assert galley(project, registry, "keys", "generate", "2026", "--private", str(private)).returncode == 0
    former = sign_with(desk, private.read_text())
    with (project.home / "keys/embedded.toml").open("a") as public:
        public.write(f"not_after = {stamp(datetime.now(UTC))}\n")
    return former


def sign_with(desk, private):
    """Give the connection another key; returns the one that it had."""
    path = desk.settings.home / ".airflow/connections.json"
    connections = json.loads(path.read_text())
    had = connections["galley_signing"]["password"]
    connections["galley_signing"]["password"] = private
    path.write_text(json.dumps(connections))
    return had


def signers(desk):
    """The ids of the keys that signed each statement, in their order."""
    statements = sorted((desk.settings.outputs / "decisions" / desk.settings.model.name).glob("*.json"))
    return [json.loads(path.read_text())["signatures"][0]["keyid"] for path in statements]


def test_an_answer_is_signed_by_the_new_key_and_what_the_former_one_signed_still_counts(
    desk, project, registry, former
):
    desk.answer(SECOND, "Approve", "better than the first")
    desk.wait(SECOND, "promote", "success")
    ids = {line.split()[1]: line.split()[0] for line in galley(project, registry, "keys", "list").stdout.splitlines()}
    assert signers(desk) == [ids["embedded"], ids["2026"]]
    for words in ((), (FIRST,), (SECOND,)):
        done = galley(project, registry, "verify", *words)
        assert (done.returncode, done.stdout.splitlines()[-1].endswith("findings: 0")) == (0, True), done.stdout
    assert registry.champion() == "2"


def test_nobody_is_asked_whose_answer_the_former_key_would_sign(desk, former):
    before = signers(desk)
    new = sign_with(desk, former)
    try:
        desk.clear(FIRST, "approval")
        desk.wait(FIRST, "approval", "failed")
    finally:
        sign_with(desk, new)
    assert re.search(r"The key embedded \(\w+\) was valid until", desk.log(FIRST, "approval"))
    assert signers(desk) == before
