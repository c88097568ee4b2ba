"""Two runs are compared by what they were asked, concluded and printed, and not by when and where they ran."""

import nbformat
import pytest

from galley.reports import differences


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def pair(outputs):
    """Two days of the same stage, with what each printed."""

    def make(left, right, **options):
        return [
            read(outputs.run(ds, "train", "01_prepare", printed=printed, **options))
            for ds, printed in (("2026-11-16", left), ("2026-11-23", right))
        ]

    return make


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("<Model at 0x7f3a00112233>", "<Model at 0x7f3affffffff>"),
        ("done at 2026-11-16 10:00:00.123", "done at 2026-11-23T11:30:59Z"),
        ("took 3.2 s", "took 11 s"),
        ("took 120 ms", "took 4 µs"),
        ("rows of 2026-11-16", "rows of 2026-11-23"),
        ("wrote /tmp/a1/x.csv", "wrote /tmp/b2/x.csv"),
        ("run 3fa85f64-5717-4562-b3fc-2c963f66afa6", "run 9d2c5f64-0000-4562-b3fc-2c963f66afa6"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_noise_is_no_difference(pair, left, right):
    assert differences.outputs(*pair(left, right)) == []


def test_a_changed_line_stands_beside_the_former(pair):
    lines = differences.outputs(*pair("head\nrows 10\ntail", "head\nrows 12\nmore\ntail"))
    assert [(line.kind, line.left, line.right) for line in lines] == [
        ("same", "head", "head"),
        ("changed", "rows 10", "rows 12"),
        ("changed", "", "more"),
        ("same", "tail", "tail"),
    ]


def test_lines_on_one_side_alone_are_told_as_such(pair):
    assert [line.kind for line in differences.outputs(*pair("a", "a\nb"))] == ["same", "right"]
    assert [line.kind for line in differences.outputs(*pair("a\nb", "a"))] == ["same", "left"]


def test_parameters_and_conclusions_are_compared_by_name(outputs):
    left = read(outputs.run("2026-11-16", "train", "01_prepare", conclusion={"rows": 10, "gone": 1}, train_days=1))
    right = read(outputs.run("2026-11-23", "train", "01_prepare", conclusion={"rows": 10, "new": 2}, train_days=28))
    asked = {row.name: (row.left, row.right, row.is_changed) for row in differences.parameters(left, right)}
    assert asked["train_days"] == ("1", "28", True)
    concluded = {row.name: (row.left, row.right) for row in differences.conclusions(left, right)}
    assert concluded == {"rows": ("10", "10"), "gone": ("1", ""), "new": ("", "2")}


def test_numbers_have_their_difference_and_what_differs_whenever_anything_does_is_left_out(outputs):
    said = [
        {"auc": 0.5, "rows": 10, "name": "a", "digests": {"model": "a" * 64}, "model_digest": "a" * 64},
        {"auc": 0.625, "rows": 10, "name": "b", "digests": {"model": "b" * 64}, "model_digest": "b" * 64},
    ]
    days = ("2026-11-16", "2026-11-23")
    left, right = (
        read(outputs.run(ds, "train", "01_prepare", conclusion=one)) for ds, one in zip(days, said, strict=True)
    )
    rows = differences.conclusions(left, right)
    assert {row.name: row.difference for row in rows} == {"auc": "+0.125", "rows": "", "name": ""}


def test_the_name_of_an_object_is_no_text_to_compare(pair):
    left, right = pair("a", "a")
    for node, said in ((left, "one"), (right, "other")):
        figure = {"text/plain": f"<Figure {said}>", "image/svg+xml": "<svg/>"}
        styled = {"text/plain": f"<Styler {said}>", "text/html": "<table></table>"}
        node.cells[-1].outputs = [nbformat.v4.new_output("display_data", data) for data in (figure, styled)]
    assert differences.outputs(left, right) == []


def test_very_long_outputs_are_compared_so_far_and_say_so(pair):
    many = "".join(f"{n}\n" for n in range(differences.LINES + 5))
    last = differences.outputs(*pair(many, many))[-1]
    assert last.kind == "gap"
    assert "first 2,000 lines" in last.left


def test_a_notebook_without_a_record_has_nothing_to_compare():
    bare = nbformat.v4.new_notebook()
    assert differences.parameters(bare, bare) == differences.conclusions(bare, bare) == []


@pytest.mark.parametrize(
    "line", [lambda _: "same", lambda n: "ab"[n % 2], lambda n: str(n % 40), lambda n: "x" * (n % 7)]
)
def test_lines_that_repeat_are_compared_in_a_bounded_number_of_steps(pair, monkeypatch, line):
    taken = []
    real = differences._Bounded.find_longest_match

    def counted(self, alo, ahi, blo, bhi):
        found = real(self, alo, ahi, blo, bhi)
        if not self.was_cut:
            taken.append(sum(self._costs[alo:ahi]))
        return found

    monkeypatch.setattr(differences._Bounded, "find_longest_match", counted)
    left = "\n".join(f"{line(number)} " for number in range(3000))
    right = "\n".join(f"{line(number * 7 + number // 3)} " for number in range(3000))
    lines = differences.outputs(*pair(left, right))
    assert sum(taken) <= differences._STEPS
    assert all(found.kind in ("same", "changed", "left", "right", "gap") for found in lines)


def test_where_the_steps_are_used_up_it_is_said(pair, monkeypatch):
    monkeypatch.setattr(differences, "_STEPS", 10)
    lines = differences.outputs(*pair("a\nb\na\nb\nc", "b\na\nb\na\nd"))
    assert lines[-1].kind == "gap"
    assert "too many lines are alike" in lines[-1].left
    assert differences.outputs(*pair("a\nb", "a\nb")) == []
