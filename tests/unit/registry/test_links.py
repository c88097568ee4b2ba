"""MLflow's pages are where a browser finds them, without the password that programs use."""

import pytest

from galley.registry import links
from galley.settings import Settings


@pytest.mark.parametrize(
    ("given", "address", "note"),
    [
        ({}, "http://127.0.0.1:5000", "while `make up` runs"),
        ({"GALLEY_MLFLOW_PORT": "5001"}, "http://127.0.0.1:5001", "while `make up` runs"),
        ({"MLFLOW_TRACKING_URI": "https://us:pw@ml.example.org:81/x/"}, "https://ml.example.org:81/x", ""),
        (
            {"MLFLOW_TRACKING_URI": "http://mlflow:5000", "GALLEY_MLFLOW_URL": "http://localhost:5000/"},
            "http://localhost:5000",
            "",
        ),
    ],
)
def test_the_address_is_the_one_that_a_browser_reaches(tmp_path, given, address, note):
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path), **given})
    assert (links.address(settings), links.note(settings)) == (address, note)


def test_pages_lead_to_the_version_the_run_and_its_reports():
    assert links.version_page("late flights/2", "3") == "#/models/late%20flights%2F2/versions/3"
    assert links.report_page("1", "abc", "05_review.html") == (
        "#/experiments/1/runs/abc/artifacts/reports/05_review.html"
    )
