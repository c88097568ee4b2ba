"""The review's operator: what a form is about, which answers count, and what they become."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from airflow.sdk.timezone import utcnow

from galley.airflow import compat
from galley.airflow.compat import AirflowSkipException
from galley.airflow.notebook import CONCLUSION, NotebookOperator, conclusion_digest
from galley.airflow.review import ReviewOperator
from galley.errors import DecisionError, QuestionChanged, SettingsError, SignatureError
from galley.proof.decision import deadline_of, stamp, stamp_in_words
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Digest
from galley.registry.approval import chain_of
from galley.settings import Settings
from galley.storage import files

DS = "2026-11-23"
OLDER = "2026-11-16"
DECLARED = """[models.tiny]
problem = "binary"
key = "id"
target = "label"
train = "train"
evidence = ["rows/{ds}.csv"]

[models.tiny.policy]
"""


class AskedAgainError(Exception):
    """What the operator asks once more, and why; in Airflow it waits then."""


class AskedInTests(ReviewOperator):
    """It asks nobody: there is no Airflow around it."""

    def _ask(self, *_, why="", **__):
        raise AskedAgainError(why)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A trained and reviewed day, and a key that Airflow knows."""
    monkeypatch.setenv("GALLEY_HOME", str(tmp_path))
    key = SigningKey.generate()
    monkeypatch.setenv("AIRFLOW_CONN_GALLEY_SIGNING", f'{{"conn_type": "generic", "password": "{key.to_text()}"}}')
    trust(key, tmp_path / "keys", "tests")
    declare(tmp_path)
    files.write_bytes(tmp_path / "data/models" / DS / "MLmodel", b"flavors: {}")
    files.write_bytes(tmp_path / "data/rows" / f"{DS}.csv", b"id,label\n1,0\n")
    reports = tmp_path / "outputs" / DS / "train"
    for kind in ("ipynb", "html"):
        files.write_bytes(reports / f"05_review.{kind}", b"{}")
    review(tmp_path)
    return tmp_path


def declare(home, policy=""):
    files.write_bytes(home / "galley.toml", (DECLARED + policy).encode())


def review(home, **concluded):
    said = {"version": "3", "champion_at_review": "2", "summary": "Better.", "checks": {"AUC": False}, **concluded}
    files.write_json(home / "outputs" / DS / "train" / "metrics.json", {"review": said})


def left(home):
    """What the stages' tasks told Airflow of the reports that they left."""
    folder = home / "outputs" / DS / "train"
    reports = {f"outputs/{DS}/train/{path.name}": files.digest(path) for path in folder.glob("05_*")}
    return {**reports, CONCLUSION: conclusion_digest(files.read_json(folder / "metrics.json")["review"])}


def context(told=None, by="grace", ds=""):
    """The task's context; `told` is what the tasks before it told Airflow, by default what is there."""
    told = left(Settings.from_environment().home) if told is None else told
    ti = SimpleNamespace(dag_id="train", task_id="approval", run_id="manual__1", try_number=2, id="x", map_index=-1)
    ti.xcom_pull = lambda task_ids, **_: told if task_ids == "review" else None
    day = datetime.fromisoformat(ds or DS).replace(tzinfo=UTC)
    run = SimpleNamespace(run_type="manual", triggering_user_name=by, logical_date=day)
    dag = SimpleNamespace(timetable=None)
    given = {"ti": ti, "task_instance": ti, "dag": dag, "dag_run": run}
    return {**given, "logical_date": None, "run_id": "manual__1", "ds": DS}


def after_a_review(kind):
    """An operator in a DAG whose one other task is the review."""
    with DAG(dag_id="train", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC)):
        review = NotebookOperator(task_id="review", input_nb="train/05_review.ipynb")
        approval = kind(task_id="approval", subject="Ship it?")
        review >> approval
    return approval


@pytest.fixture
def operator(project):
    return after_a_review(AskedInTests)


def asked(operator):
    """What the operator remembers of what it asked."""
    question = operator._question(context())
    return {"at": stamp(utcnow()), **question.parts(operator._form)}


def answer(operator, about, person="ada", option="Approve", **said):
    """Resume the task with an answer, as Airflow does: in another process, so with an operator of its own."""
    return heard(about, answered(person, option, **said))


def heard(about, event):
    return after_a_review(AskedInTests).execute_complete(context(), event, is_reminded=True, asked=about)


def answered(person, option, **said):
    return {
        "chosen_options": [option],
        "params_input": {"reason": "better on every slice", **said},
        "responded_at": utcnow(),
        "responded_by_user": {"id": "1", "name": person},
        "timedout": False,
    }


def statements(project):
    settings = Settings.from_environment()
    return chain_of(settings).read(TrustedKeys.read(settings.keys))


def test_an_answer_is_signed_with_all_that_it_is_about(operator, project):
    said = answer(operator, asked(operator))
    (signed,) = statements(project)
    assert said["statement"] == str(signed.head)
    decided = signed.statement.decided
    assert (decided.decision, decided.person, decided.reason) == ("Approve", "ada", "better on every slice")
    assert (decided.version, decided.champion, decided.ds) == ("3", "2", DS)
    assert (decided.task.dag, decided.task.run, decided.task.number) == ("train", "manual__1", 2)
    assert decided.task.triggered_by == "grace"
    names = [file.name for file in signed.statement.files]
    assert f"data/models/{DS}/MLmodel" in names
    assert f"data/rows/{DS}.csv" in names
    assert {f"outputs/{DS}/train/05_review.{kind}" for kind in ("ipynb", "html")} <= set(names)


def test_the_form_shows_the_versions_and_the_digest_of_the_page(operator, project):
    operator._question(context())
    page = files.digest(project / "outputs" / DS / "train/05_review.html")
    assert operator.body.startswith(
        f"[The whole review](/galley/reports/{DS}/train/05_review.html) is about version 3. "
        "Version 2 is in production, not by a recorded decision.\n\nBetter."
    )
    assert operator.body.endswith(f"`{page}`\n\n[How to review](/galley/how-to-review)")


def test_the_form_says_when_nothing_is_in_production(operator, project):
    review(project, champion_at_review="")
    operator._question(context())
    assert "Nothing is in production." in operator.body


def test_the_form_says_by_whose_decision_the_version_in_production_is_there(operator, project):
    answer(operator, asked(operator))
    (signed,) = statements(project)
    review(project, version="4", champion_at_review="3")
    another = after_a_review(AskedInTests)
    another._question(context())
    since = signed.statement.decided.answered_at[:16].replace("T", " ")
    assert f"Version 3 is in production by ada's decision of {since} UTC." in another.body


def test_the_form_says_until_when_it_can_be_answered(operator):
    operator._question(context(), "2026-11-29T08:00:00.000000Z")
    assert "\n\nPlease answer by 2026-11-29 08:00 UTC: silence is a Reject.\n\nBetter." in operator.body
    assert deadline_of(operator.body) == "2026-11-29 08:00 UTC"


def test_a_form_without_a_known_deadline_says_nothing_of_one(operator):
    operator._question(context())
    assert "Please answer" not in operator.body
    assert deadline_of(operator.body) == ""


@pytest.fixture
def waiting(project, monkeypatch):
    """Has an operator ask as it does in Airflow, which keeps the form of the first time; returns what it waits with."""
    shown = {}

    def show(operator, _):
        return shown.setdefault("form", _form(operator))

    def execute(*_):
        raise TaskDeferred(trigger=None, method_name="execute_complete")

    monkeypatch.setattr(compat, "show_form", show)
    monkeypatch.setattr(HITLOperator, "execute", execute)

    def wait(step, *args, **kwargs):
        operator = after_a_review(ReviewOperator)
        with pytest.raises(TaskDeferred) as wait:
            getattr(operator, step)(context(), *args, **kwargs)
        return operator, wait.value.kwargs

    return wait


def _form(operator):
    return {"subject": operator.subject, "body": operator.body, "assigned_users": operator.assigned_users or []}


def waits(operator):
    """How long Airflow waits for an answer; 3.1 has another name for it."""
    return getattr(operator, "response_timeout", operator.execution_timeout)


def test_the_deadline_of_the_form_stays_while_it_is_asked_again(waiting):
    first, said = waiting("execute")
    assert deadline_of(first.body) == stamp_in_words(said["asked"]["until"])
    assert waits(first) < first.answer_within - first.reminder
    silence = {"error": "The response timeout has passed.", "error_type": "timeout"}
    reminded, again = waiting("execute_complete", silence, **said)
    assert again["is_reminded"]
    assert again["asked"]["until"] == said["asked"]["until"]
    assert reminded.body == first.body
    refused, again = waiting("execute_complete", answered("ada", "Approve", reason=""), **again)
    assert again["asked"]["until"] == said["asked"]["until"]
    assert refused.body == first.body


def test_whoever_is_asked_again_has_at_least_the_time_of_the_reminder(waiting):
    _, said = waiting("execute")
    late = after_a_review(ReviewOperator)
    late._question(context(), passed := stamp(utcnow() - timedelta(days=2)))
    asked = {**said["asked"], "until": passed, "the text of the form": Digest.of(late._form.encode()).sha256}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compat, "show_form", lambda operator, _: _form(operator))
        again, _ = waiting("execute_complete", answered("ada", "Approve", reason=""), asked=asked)
    assert waits(again) == again.reminder


def test_approve_and_reject_weigh_the_same_and_a_reason_has_several_lines(operator):
    assert operator.defaults is None  # Airflow shows a default as the button to press
    assert operator.params.get_param("reason").schema["format"] == "multiline"


def test_silence_is_a_signed_reject_by_nobody(operator, project):
    said = heard(asked(operator), {"error": "The response timeout has passed.", "error_type": "timeout"})
    assert (said["decision"], said["reviewer"], said["reason"]) == ("Reject", "nobody", "no answer")
    assert statements(project)[0].statement.decided.decision == "Reject by no answer"


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("the reports", lambda home: files.write_bytes(home / "outputs" / DS / "train/05_review.html", b"forged")),
        ("the model", lambda home: files.write_bytes(home / "data/models" / DS / "MLmodel", b"another")),
        ("the evidence", lambda home: files.write_bytes(home / "data/rows" / f"{DS}.csv", b"other rows")),
        ("the version", lambda home: review(home, version="4")),
        ("the version in production", lambda home: review(home, champion_at_review="9")),
        ("the text of the form", lambda home: review(home, summary="Recommend approve: 8 of 8")),
        ("who may answer", lambda home: declare(home, 'reviewers = ["grace"]\n')),
        ("galley.toml", lambda home: declare(home, "approvals = 1\n")),
    ],
)
def test_an_answer_to_something_that_changed_since_it_was_asked_does_not_count(operator, project, what, change):
    about = asked(operator)
    change(project)
    with pytest.raises(QuestionChanged, match=f"Since this was asked, .*{re.escape(what)}.* changed"):
        answer(operator, about)
    assert statements(project) == ()


@pytest.mark.parametrize(
    ("policy", "person", "said", "why"),
    [
        ("", "ada", {"reason": " "}, "ada approved and gave no reason"),
        ('reviewers = ["grace"]\n', "ada", {}, "ada answered, who may not: grace may"),
        ("not_the_trigger = true\n", "grace", {}, "grace approved, who triggered this run"),
        ('required = ["AUC"]\n', "ada", {}, "a required check did not pass: AUC. By the policy nobody may override"),
        ('required = ["no such"]\n', "ada", {}, "did not pass: no such"),
        (
            'required = ["AUC"]\nmay_override = ["lead"]\n',
            "lead",
            {"override": " "},
            "no reason for the override",
        ),
        ("approvals = 2\n", "ada", {}, "ada approved. By the policy 2 different people have to"),
    ],
)
def test_an_answer_that_cannot_count_is_asked_for_again(operator, project, policy, person, said, why):
    declare(project, policy)
    with pytest.raises(AskedAgainError, match=re.escape(why)):
        answer(operator, asked(operator), person, **said)


def test_a_report_that_is_not_what_its_task_left_is_not_asked_about(operator, project):
    told = left(project)
    files.write_bytes(project / "outputs" / DS / "train/05_review.html", b"Recommend approve: 8 of 8")
    with pytest.raises(DecisionError, match=r"05_review\.html: not as the tasks of this run left it"):
        operator.execute(context(told))
    with pytest.raises(DecisionError, match="Clear the first of these stages"):
        operator.execute(context({}))


def test_a_conclusion_that_was_rewritten_in_the_metrics_is_not_asked_about(operator, project):
    told = left(project)
    review(project, summary="Recommend approve: 8 of 8")
    with pytest.raises(DecisionError, match=r"what the review concluded, in metrics\.json: not as the tasks"):
        operator.execute(context(told))


def test_two_different_people_have_to_approve_where_the_policy_says_so(operator, project):
    declare(project, "approvals = 2\n")
    about = asked(operator)
    for person, why in (("ada", "ada approved. By"), ("ada", "ada approved once more")):
        with pytest.raises(AskedAgainError, match=why):
            answer(operator, about, person)
    assert answer(operator, about, "lead")["reviewer"] == "lead"
    assert [signed.statement.decided.person for signed in statements(project)] == ["ada", "lead"]


def test_a_required_check_that_failed_is_overridden_by_name_with_a_reason_of_its_own(operator, project):
    declare(project, 'required = ["AUC"]\nmay_override = ["lead"]\n')
    answer(operator, asked(operator), "lead", override="a holiday week")
    (override,) = statements(project)[0].statement.decided.overrides
    assert (override.check, override.reason) == ("AUC", "a holiday week")


def test_a_check_that_passed_needs_no_override(operator, project):
    review(project, checks={"AUC": True})
    declare(project, 'required = ["AUC"]\nmay_override = ["lead"]\n')
    assert answer(operator, asked(operator))["decision"] == "Approve"


def test_nobody_is_asked_whose_answer_could_not_be_signed(project, monkeypatch):
    review = after_a_review(ReviewOperator)
    (project / "keys/tests.toml").unlink()
    with pytest.raises(SignatureError, match="which this project does not trust"):
        review.execute(context())
    monkeypatch.delenv("AIRFLOW_CONN_GALLEY_SIGNING")
    with pytest.raises(SettingsError, match="no connection galley_signing"):
        review.execute(context())


def test_nobody_is_asked_without_a_review(project):
    with pytest.raises(DecisionError, match="There is no review to decide on"):
        ReviewOperator(task_id="approval", subject="?").execute(context({}, ds="2026-11-24"))


def test_a_form_of_an_earlier_try_is_not_answered(project, monkeypatch):
    former = {"subject": "Ship it?", "body": "version 1", "assigned_users": []}
    monkeypatch.setattr(compat, "show_form", lambda *_: former)
    with pytest.raises(QuestionChanged, match="the form of an earlier try"):
        after_a_review(ReviewOperator).execute(context())


def test_nobody_is_asked_in_a_backfill_and_the_log_says_what_to_do_instead():
    review = ReviewOperator(task_id="approval", subject="?")
    with pytest.raises(AirflowSkipException, match="trigger the DAG for that day"):
        review.execute({**context({}), "dag_run": SimpleNamespace(run_type="backfill")})


@pytest.fixture
def turn_to(project, monkeypatch):
    """Has the tests be about another of two weeks, DS and OLDER."""
    for folder in ("data/models", "outputs"):
        shutil.copytree(project / folder / DS, project / folder / OLDER)
    files.write_bytes(project / "data/rows" / f"{OLDER}.csv", b"id,label\n1,0\n")

    def turn(ds):
        monkeypatch.setitem(globals(), "DS", ds)

    return turn


def test_nobody_is_asked_about_a_week_when_a_newer_one_is_in_production(operator, turn_to):
    answer(operator, asked(operator))
    newer = DS
    turn_to(OLDER)
    with pytest.raises(AirflowSkipException, match=rf"{OLDER} is older than version 3 of {newer}, .* decision of ada"):
        after_a_review(ReviewOperator).execute(context())


def test_a_week_that_was_asked_about_before_a_newer_one_went_into_production_can_only_be_rejected(
    operator, project, turn_to
):
    newer = DS
    turn_to(OLDER)
    about = asked(after_a_review(AskedInTests))
    turn_to(newer)
    answer(operator, asked(operator))
    turn_to(OLDER)
    with pytest.raises(AskedAgainError, match="ada approved, which does not count"):
        answer(operator, about)
    answer(operator, about, option="Reject")
    decisions = [(signed.statement.decided.ds, signed.statement.decided.decision) for signed in statements(project)]
    assert decisions == [(newer, "Approve"), (OLDER, "Reject")]


def test_a_newer_week_that_was_rejected_is_not_in_production_and_an_older_one_is_asked_about(operator, turn_to):
    answer(operator, asked(operator), option="Reject")
    turn_to(OLDER)
    assert after_a_review(AskedInTests)._question(context()).overtaken == ""


def test_a_reminder_comes_before_the_end_of_patience_or_the_dag_is_refused():
    with pytest.raises(SettingsError, match="Give a shorter time"):
        ReviewOperator(task_id="approval", subject="?", response_timeout=timedelta(hours=1))


def test_a_dag_with_a_review_needs_no_project_to_be_parsed(monkeypatch, tmp_path):
    monkeypatch.delenv("GALLEY_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert ReviewOperator(task_id="a", subject="?").assigned_users is None
