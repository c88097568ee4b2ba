"""`galley verify DAY`: what it prints, its exit codes, and the signed statements about the day."""

import json
import shutil

import pytest
from accepted_day import AcceptedDay

from galley import cli
from galley.proof.chain import Chain
from galley.proof.check import Kind
from galley.proof.keys import PublicKey, SigningKey
from galley.proof.statements import File
from galley.settings import relative_name
from galley.storage import files

DS = "2026-11-23"
UNTIL = "2013-01-01T00:00:00.000000Z"
REVIEW = f"outputs/{DS}/train/01_review.html"


@pytest.fixture
def day(settings, decide, key):
    """A day whose version 3 was decided on, by a signed statement."""
    shutil.rmtree(settings.outputs)  # what `decide` made of other tests' reports
    declared = b'[models.flights-late]\nproblem = "binary"\nkey = "id"\ntarget = "y"\ntrain = "train"\n'
    files.write_bytes(settings.project_file, declared)
    files.write_bytes(settings.home / "keys/galley.toml", PublicKey("galley", key.public, UNTIL).to_bytes())
    day = AcceptedDay(settings, "train")
    vars(day).update(vars(day.accept("01_review")))
    return day


@pytest.fixture
def state(day, decide, key, keys):
    """States a decision on the day's files."""

    def state(**changes):
        reports, sources = (
            [stated(path, day) for path in paths] for paths in ((day.notebook, day.page), (day.source,))
        )
        decided = decide(reports=tuple(reports), sources=tuple(sources), evidence=(), **changes)
        chain = Chain.of(day.day.settings.outputs, "flights-late")
        return chain.append([stated(day.model / "MLmodel", day)], decided, key, keys)

    return state


def stated(path, day):
    return File.of(relative_name(path, day.day.settings), path)


@pytest.fixture
def told(monkeypatch, settings, capsys):
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))

    def told(*arguments):
        code = cli.main(["verify", *arguments])
        return code, capsys.readouterr().out

    return told


def test_a_day_that_is_as_it_was_has_no_findings(told, state):
    state()
    assert told(DS) == (0, f"{DS}: findings: 0\n")
    assert json.loads(told(DS, "--json")[1]) == {"ds": DS, "findings": [], "pages_without_digest": []}


def test_a_day_that_nothing_was_stated_about_needs_no_keys(told, day):
    shutil.rmtree(day.day.settings.home / "keys")
    assert told(DS) == (0, f"{DS}: findings: 0\n")


def test_what_agrees_with_itself_and_not_with_the_statement_is_found(told, state, day):
    state()
    day.accept("01_review")  # another run, accepted as any other
    code, printed = told(DS)
    assert code == 1
    assert printed.startswith(f"{Kind.CHANGED}: outputs/{DS}/train/01_review.ipynb has ")
    assert printed.splitlines()[-1] == f"{DS}: findings: 2"  # and the page


def test_a_notebook_that_was_edited_later_is_said_once_and_is_no_fault(told, state, day):
    state()
    day.source.write_text("{}")
    code, printed = told(DS)
    assert code == 0
    assert printed.splitlines() == [
        f"{Kind.MOVED_ON}: notebooks/train/01_review.ipynb has other content now (recorded by outputs/{DS}/train/"
        "01_review.ipynb)",
        f"{DS}: findings: 0",
    ]


def test_a_statement_that_another_key_signed_is_found(told, state, day):
    state()
    other = PublicKey("galley", SigningKey.generate().public, UNTIL)
    files.write_bytes(day.day.settings.home / "keys/galley.toml", other.to_bytes())
    code, printed = told(DS, "--json")
    (found,) = json.loads(printed)["findings"]
    assert (code, found["kind"], found["name"]) == (1, Kind.UNSIGNED, "outputs/decisions/flights-late")


def test_statements_that_no_key_is_there_for_are_not_signed_by_one_that_is_trusted(told, state, day):
    state()
    shutil.rmtree(day.day.settings.home / "keys")
    code, printed = told(DS)
    assert code == 1
    assert printed.startswith(str(Kind.UNSIGNED))


def test_keys_are_those_of_the_folder_that_is_given(told, state, day, tmp_path):
    state()
    shutil.move(day.day.settings.home / "keys", tmp_path / "elsewhere")
    assert told(DS, "--keys", str(tmp_path / "elsewhere"))[0] == 0


def test_statements_about_other_days_are_not_asked(told, state, day):
    state(ds="2026-11-16")
    day.accept("01_review")
    assert told(DS)[0] == 0


def test_the_newest_statement_about_a_version_counts(told, state, day):
    state(reason="first")
    vars(day).update(vars(day.accept("01_review")))
    state(reason="second, on the run that followed")
    assert told(DS)[0] == 0


def test_statements_about_a_model_that_left_nothing_on_the_day_are_not_read(told, day, settings):
    other = b'[models.other]\nproblem = "binary"\nkey = "id"\ntarget = "y"\ntrain = "else"\nfolder = "o"\n'
    other += b'predict = "then"\n'
    files.write_bytes(settings.project_file, settings.project_file.read_bytes() + other)
    files.write_bytes(settings.outputs / "decisions/other/000001.json", b"{}")
    assert told(DS)[0] == 0
    files.write_bytes(settings.outputs / DS / "else/metrics.json", b"{}")
    assert told(DS)[0] == 1


def test_a_page_without_its_own_digest_is_named(told, day):
    vars(day).update(vars(day.accept("01_review", version=1)))
    day.digests.unlink()
    assert told(DS) == (0, f"only known to name its notebook: {REVIEW}\n{DS}: findings: 0\n")
    assert json.loads(told(DS, "--json")[1])["pages_without_digest"] == [REVIEW]


@pytest.mark.parametrize(("what", "code"), [("2026-11-24", 1), ("2026-13-01", 1), ("no-day.zip", 1)])
def test_what_cannot_be_verified_is_refused(told, day, what, code):
    assert told(what)[0] == code
