"""Where people reach the stack: on loopback by itself, and by .env from other machines."""

from pathlib import Path

import pytest

from galley.errors import SettingsError
from galley.local import addresses
from galley.local.dotenv import changed, complete, settings

EXAMPLE = (Path(__file__).parents[3] / ".env.example").read_text()
BEHIND_TLS = {
    "COMPOSE_PROFILES": "dev,tls",
    "AIRFLOW_URL": "https://galley.example.org/airflow",
    "MLFLOW_URL": "https://galley.example.org/mlflow/",
    "JUPYTER_URL": "https://galley.example.org/jupyter",
    "TLS_CERTIFICATE_FILE": "./tls.crt",
    "TLS_KEY_FILE": "./tls.key",
}


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".env.example").write_text(EXAMPLE)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).touch()
    complete(tmp_path)
    return tmp_path


def given(home, **values):
    """What .env says, with these values in it."""
    (home / ".env").write_text(changed((home / ".env").read_text(), values))
    return settings(home)


def test_without_urls_everything_is_on_this_machine(home):
    said = given(home, GALLEY_MLFLOW_PORT="5001")
    addresses.require(home, said)
    assert addresses.public(said) == {
        "Airflow": "http://localhost:8080",
        "MLflow": "http://localhost:5001",
        "JupyterLab": "http://localhost:8888",
    }
    assert {address for _, address in addresses.published(said).values()} == {"127.0.0.1"}


def test_a_proxy_of_ones_own_may_have_any_names_and_paths(home):
    said = given(home, AIRFLOW_URL="https://airflow.example.org", MLFLOW_URL="http://example.org:8000/models")
    addresses.require(home, said)
    assert addresses.public(said)["MLflow"] == "http://example.org:8000/models"


def test_the_profile_tls_listens_on_one_port_more(home):
    said = given(home, **BEHIND_TLS)
    addresses.require(home, said)
    assert addresses.published(said)["the proxy"] == ("TLS_PORT", "127.0.0.1")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"AIRFLOW_URL": ""}, "AIRFLOW_URL= in .env: the proxy of the profile tls has this at /airflow"),
        ({"MLFLOW_URL": "https://galley.example.org"}, "has this at /mlflow"),
        ({"JUPYTER_URL": "http://galley.example.org/jupyter"}, "Set it to https://"),
        ({"MLFLOW_URL": "galley.example.org/mlflow"}, "not the address of a page"),
        ({"TLS_KEY_FILE": ""}, "TLS_KEY_FILE= in .env is not a file"),
        ({"TLS_CERTIFICATE_FILE": "./other.crt"}, "TLS_CERTIFICATE_FILE=./other.crt in .env is not a file"),
    ],
)
def test_what_the_proxy_cannot_serve_is_refused_by_name(home, wrong, said):
    with pytest.raises(SettingsError, match=said):
        addresses.require(home, given(home, **BEHIND_TLS | wrong))
