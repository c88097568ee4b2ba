"""A report's address is its path, and leads into its DAG's own folder of that day or nowhere."""

import pytest

from galley.reports.report_path import ReportPath

DS, DAG = "2026-11-23", "train"


def read(report_path, outputs):
    with report_path.open(outputs) as stream:
        return stream.read()


@pytest.mark.parametrize("name", ["01_a.html", "01_a.ipynb", "attempts/01_a.try2.html", "02_b.m7.html"])
def test_an_address_leads_to_the_file_of_that_path(outputs, name):
    file = outputs.folder / DS / DAG / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"page")
    report_path = ReportPath.parse(DS, DAG, name)
    assert read(report_path, outputs.folder) == b"page"
    assert report_path.path == f"{DS}/{DAG}/{name}"


def test_an_attempt_knows_its_number_and_its_notebook():
    report_path = ReportPath.parse(DS, DAG, "attempts/01_a.try2.html")
    assert (report_path.stage, report_path.number) == ("01_a", 2)
    assert report_path.of_kind("ipynb").name == "attempts/01_a.try2.ipynb"


HOSTILE = [
    ("2026-11-23", "train", "../../secret.html"),
    ("2026-11-23", "train", "..%2f..%2fsecret.html"),
    ("2026-11-23", "train", "%252e%252e/secret.html"),
    ("2026-11-23", "train", "attempts/../../secret.html"),
    ("2026-11-23", "train", "/etc/passwd"),
    ("2026-11-23", "train", "decision.json"),
    ("2026-11-23", "train", "attempts"),
    ("2026-11-23", "train", "attempts/.01_a.lock"),
    ("2026-11-23", "train", ".hidden.html"),
    ("2026-11-23", "train", "a\0.html"),
    ("2026-11-23", "train", "a.html\n"),
    ("2026-11-23", "train", "a" * 5000 + ".html"),
    ("2026-11-23", "train", "attempts/a.try" + "9" * 5000 + ".html"),
    ("2026-11-23", "train", ""),
    ("2026-11-23", "..", "secret.html"),
    ("2026-11-23", ".", "secret.html"),
    ("2026-11-23", "", "secret.html"),
    ("2026-11-23", "~", "a.html"),
    ("2026-11-23", "train/..", "a.html"),
    ("..", "train", "a.html"),
    ("2026-02-30", "train", "a.html"),
    ("２０２６-11-23", "train", "a.html"),  # noqa: RUF001 - digits of another script
    ("", "", "secret.html"),
]


@pytest.mark.parametrize(("ds", "dag_id", "name"), HOSTILE)
def test_what_is_no_address_of_a_report_is_no_place(ds, dag_id, name):
    assert ReportPath.parse(ds, dag_id, name) is None


@pytest.mark.parametrize("linked", ["2026-11-23", "2026-11-23/train", "2026-11-23/train/a.html"])
def test_a_link_out_of_the_dags_folder_is_not_followed(outputs, tmp_path, linked):
    elsewhere = tmp_path / "elsewhere" / "2026-11-23" / "train"
    elsewhere.mkdir(parents=True)
    (elsewhere / "a.html").touch()
    link = outputs.folder / linked
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere" / linked)
    assert (outputs.folder / "2026-11-23/train/a.html").is_file()
    assert ReportPath.parse("2026-11-23", "train", "a.html").open(outputs.folder) is None


def test_another_dags_report_is_not_found_through_a_link(outputs):
    secret = outputs.folder / DS / "secret"
    secret.mkdir(parents=True)
    (secret / "a.html").touch()
    (outputs.folder / DS / DAG).symlink_to(secret)
    assert ReportPath.parse(DS, DAG, "a.html").open(outputs.folder) is None


def test_outputs_that_are_themselves_behind_a_link_are_found(outputs, tmp_path):
    file = outputs.folder / DS / DAG / "a.html"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"page")
    (tmp_path / "link").symlink_to(outputs.folder)
    assert read(ReportPath.parse(DS, DAG, "a.html"), tmp_path / "link") == b"page"
