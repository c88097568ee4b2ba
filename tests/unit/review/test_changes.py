"""Week on week: what is not as it was when a review was last accepted is named, and nothing else is."""

from dataclasses import dataclass, field

import nbformat
import pytest
from shapes import EXAMPLE

from galley.days import Day
from galley.proof.decision import Decision, Version
from galley.review import changes
from galley.review.changes import Change, Changes
from galley.run.attempts import COMPLETED, Attempts
from galley.settings import Settings
from galley.stage import MIME_TYPE
from galley.storage import files

LIBRARIES = {"numpy": "2.4.0", "pandas": "3.1.1"}
CODE = "model.fit(X, y)"
EMPTY = nbformat.v4.new_notebook()


@dataclass
class Registered:
    """As much of the registered model as is looked at."""

    versions: dict[str, Version] = field(default_factory=dict)

    def decide(self, version, digests, decision="Approve", at="2026-11-16T10:00:00.000000Z", ds="2026-11-16"):
        decided = Decision(decision, version, ds, "ada", "because", at, "run", digests)
        self.versions[version] = Version(version, decided.tags())

    def approved(self):
        return [one for one in self.versions.values() if one.tags.get("galley.decision") != "Reject"]


def notebook(ds, source=CODE, libraries=LIBRARIES, conclusion=None, **asked):
    """An executed stage."""
    day = {"kind": "day", "ds": ds, "environment": {"python": "3.11.7", "libraries": libraries} if libraries else {}}
    outputs = [nbformat.v4.new_output("display_data", data={MIME_TYPE: day, "text/plain": ds})]
    injected = nbformat.v4.new_code_cell(f'ds = "{ds}"', metadata={"tags": ["injected-parameters"]})
    cells = [nbformat.v4.new_code_cell(source, id="fit", outputs=outputs), injected]
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata.galley = {
        "end": {"state": COMPLETED},
        "parameters": {"ds": ds, **asked},
        "conclusion": {"rows": 10, **(conclusion or {})},
        "source": {"git_commit": "c0ffee" * 7, "git_clean": True},
    }
    return node


def accept(day, stage, node):
    """Keep a run of a stage as the accepted one, and return the digest of its notebook."""
    kept = Attempts(day.reports("train_weekly"), stage)
    with kept.exclusive():
        number = kept.begin(node)
        kept.save_page(number, "page")
        return files.digest(kept.publish(number))


@pytest.fixture
def settings(settings):
    """Settings of a project that has its declaration and the notebook of its review."""
    files.write_bytes(settings.project_file, EXAMPLE.toml.encode())
    files.write_bytes(settings.notebooks / "train_weekly/05_review.ipynb", nbformat.writes(EMPTY).encode())
    return Settings.from_environment({"GALLEY_HOME": str(settings.home)})


@pytest.fixture
def weeks(settings):
    """Two days; what was accepted on the first by stage, and what changed up to the second."""
    before, day = (Day.of(ds, settings) for ds in ("2026-11-16", "2026-11-23"))

    def make(then, now, registered=None):
        digests = {f"{stage}.ipynb": accept(before, stage, node) for stage, node in then.items()}
        for stage, node in now.items():
            accept(day, stage, node)
        registered = registered or Registered()
        registered.decide("1", digests)
        return changes.since_last_accepted(registered, day, "2")

    return make


def train(**changed):
    """The training of both weeks, with what changed in the second."""
    return {"03_train": notebook("2026-11-16")}, {"03_train": notebook("2026-11-23", **changed)}


def test_nothing_changed_but_the_data(weeks):
    found = weeks(*train(conclusion={"rows": 12}))
    assert (found.diffs, found.parameters, found.environment, found.gone) == ({}, [], [], ())
    assert found.numbers == [Change("03_train", "rows", "10", "12")]
    said = "Changed since version 1, accepted by ada for 2026-11-16: nothing but the data."
    assert found.in_a_line == said


def test_a_changed_line_of_code_is_shown_with_what_it_was(weeks):
    found = weeks(*train(source="model.fit(X, y, weights)"))
    assert found.diffs["03_train"][1:] == [" # cell fit", f"-{CODE}", "+model.fit(X, y, weights)"]
    assert "code of 03_train" in found.in_a_line


def test_a_changed_parameter_is_named_and_the_day_is_none(weeks):
    then, now = {"03_train": notebook("2026-11-16", seed=0)}, {"03_train": notebook("2026-11-23", seed=1, depth=3)}
    found = weeks(then, now)
    assert found.parameters == [Change("03_train", "seed", "0", "1"), Change("03_train", "depth", "", "3")]
    assert "parameters seed of 03_train, depth of 03_train" in found.in_a_line
    assert found.diffs == {}


def test_a_changed_library_is_one_change_of_all_stages_that_had_it(weeks):
    stages = ("02_split", "03_train")
    newer = {"numpy": "2.4.0", "pandas": "3.2.0", "polars": "1.0"}
    found = weeks(
        {stage: notebook("2026-11-16") for stage in stages},
        {stage: notebook("2026-11-23", libraries=newer) for stage in stages},
    )
    everywhere = "every stage"
    assert found.environment == [
        Change(everywhere, "pandas", "3.1.1", "3.2.0"),
        Change(everywhere, "polars", "", "1.0"),
    ]
    assert "environment pandas, polars" in found.in_a_line


def test_a_library_that_changed_in_one_stage_alone_is_said_of_that_stage(weeks):
    stages = {"02_split": LIBRARIES, "03_train": {**LIBRARIES, "pandas": "3.2.0"}}
    found = weeks(
        {stage: notebook("2026-11-16") for stage in stages},
        {stage: notebook("2026-11-23", libraries=libraries) for stage, libraries in stages.items()},
    )
    assert found.environment == [Change("03_train", "pandas", "3.1.1", "3.2.0")]


def test_a_run_that_did_not_say_what_it_ran_with_has_no_changed_libraries(weeks):
    assert weeks({"03_train": notebook("2026-11-16", libraries=None)}, train()[1]).environment == []


def test_another_commit_is_said(weeks):
    then, now = train()
    now["03_train"].metadata.galley.source = {"git_commit": "beef" * 10, "git_clean": False}
    commit = Change("03_train", "git commit", "c0ffeec0ffee", "beefbeefbeef and changes to it")
    assert weeks(then, now).environment == [commit]


def test_a_stage_that_is_new_or_was_taken_away_is_all_change(weeks):
    found = weeks({"02_split": notebook("2026-11-16")}, {"03_train": notebook("2026-11-23")})
    signs = {stage: {line[0] for line in lines if not line.startswith("@@")} for stage, lines in found.diffs.items()}
    assert signs == {"02_split": {"-"}, "03_train": {"+"}}


def test_a_stage_that_was_run_by_hand_is_compared_by_its_code_alone(weeks, settings):
    source = settings.notebooks / "train_weekly/03_train.ipynb"
    by_hand = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("other()", id="fit")])
    files.write_bytes(source, nbformat.writes(by_hand).encode())
    found = weeks(train()[0], {})
    assert list(found.diffs) == ["03_train"]
    assert (found.parameters, found.environment, found.numbers) == ([], [], [])


def test_a_report_that_is_gone_is_said(weeks, settings):
    then, now = train()
    digest = accept(Day.of("2026-11-16", settings), "03_train", then["03_train"])
    for path in (settings.outputs / "2026-11-16").rglob("*.ipynb"):
        path.unlink()
    registered = Registered()
    registered.decide("1", {"03_train.ipynb": digest})
    found = changes.compare(
        changes.last_accepted(registered, "2"),
        changes.accepted_notebooks(changes.last_accepted(registered, "2"), Day.of("2026-11-23", settings)),
        now,
        "review",
    )
    assert found.gone == ("03_train",)
    assert "Nothing is said of 03_train: the report that was accepted is gone." in found.in_a_line
    assert found.diffs == {}


def test_stages_that_were_run_by_hand_left_no_report_to_compare_with(weeks):
    assert weeks({}, train()[1]).gone == ("03_train", "05_review")


def test_what_was_accepted_is_found_when_its_day_was_run_again(weeks, settings):
    before = Day.of("2026-11-16", settings)
    digest = accept(before, "03_train", notebook("2026-11-16"))
    accept(before, "03_train", notebook("2026-11-16", source="other()"))
    registered = Registered()
    registered.decide("1", {"03_train.ipynb": digest})
    (found,) = changes.accepted_notebooks(changes.last_accepted(registered, "2"), before).values()
    assert found.cells[0].source == CODE


def test_the_last_accepted_review_is_the_last_approval_of_another_version():
    registered = Registered()
    assert changes.last_accepted(registered, "1") is None
    registered.versions["9"] = Version("9", {})
    registered.decide("1", {}, at="2026-11-02T10:00:00.000000Z")
    registered.decide("2", {}, at="2026-11-09T10:00:00.000000Z")
    registered.decide("3", {}, "Reject", at="2026-11-16T10:00:00.000000Z")
    registered.decide("4", {}, at="2026-11-23T10:00:00.000000Z")
    assert changes.last_accepted(registered, "4").version == "2"
    assert changes.last_accepted(registered, "2").version == "4"


def test_before_any_approval_there_is_nothing_to_compare_with(settings):
    found = changes.since_last_accepted(Registered(), Day.of("2026-11-23", settings), "1")
    assert found == Changes(None)
    assert found.in_a_line.startswith("No review was accepted before this one")


def test_diffs_are_folded_when_they_are_long_and_keep_their_fences():
    short, long = ["@@ -1 +1 @@", "-```python", "+x"], ["+x"] * changes.FOLDED_FROM
    shown = changes.as_diffs({"02_split": short, "03_train": long})
    assert shown.startswith("**02_split: +1 -1 lines**\n\n````diff\n@@")
    assert f"<details><summary>03_train: +{changes.FOLDED_FROM} -0 lines</summary>" in shown


def test_a_table_holds_any_text_in_its_cells():
    table = changes.as_table([Change("03_train", "settings", "", "a|b\n<b>*")])
    assert table.splitlines()[-1] == r"| 03_train | settings | (none) | a\|b \<b\>\* |"
    assert changes.as_table([]) == ""
