"""The stack from nothing: all of it is well, and who may do what."""

import json

import pytest

SERVICES = [
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "mlflow",
    "jupyterlab",
]


def test_everything_is_up_and_says_that_it_is_well(stack, unanswered):
    up = {found["Service"]: found["Health"] for found in stack.containers() if found["Service"] != "airflow-init"}
    assert up == dict.fromkeys([*SERVICES, "postgres", "mail", "docker-proxy"], "healthy")


def test_every_port_is_on_loopback(stack):
    published = [port for found in stack.containers() for port in found["Publishers"] or [] if port["PublishedPort"]]
    assert {port["URL"] for port in published} == {"127.0.0.1"}
    assert len(published) == 3


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_not_root_and_cannot_write_to_its_image(stack, service):
    # As the only child of the container's first process, which starts it and collects the ended.
    owner = stack.exec(service, "sh", "-c", "stat -c %u /proc/$(cut -d' ' -f1 /proc/1/task/1/children)")
    assert owner.strip() == stack.settings["AIRFLOW_UID"]
    stack.exec(service, "sh", "-c", "! touch /opt/galley/.venvs/mark /etc/mark 2>/dev/null")


def test_only_what_runs_tasks_has_capabilities_and_those_to_start_kernels_alone(stack):
    def held(service):
        looked = "grep CapPrm /proc/$(cut -d' ' -f1 /proc/1/task/1/children)/status"
        return int(stack.exec(service, "sh", "-c", looked).split()[1], 16)

    assert {service: hex(held(service)) for service in SERVICES if held(service)} == {"airflow-scheduler": "0xeb"}


def test_who_kernels_are_reads_no_secret_where_tasks_run(stack):
    """The environments of Airflow's processes have all of them."""
    look = "for p in /proc/[0-9]*; do [ -O $p ] || ! head -c1 $p/environ || echo $p; done 2>/dev/null; id -un"
    as_kernel = ["exec", "-T", "--user", "kernels", "airflow-scheduler", "sh", "-c"]
    assert stack.docker(*as_kernel, look).split() == ["kernels"]
    closed = ["/run/docker/docker.sock", "/outputs", "/opt/airflow", "/opt/airflow/logs", "$HOME", "/opt/galley/dags"]
    stack.docker(*as_kernel, " && ".join(f'[ -e "{path}" ] && [ ! -w "{path}" ]' for path in closed))


REACHED = """
import socket, sys

for address in sys.argv[1:]:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=3)
    except OSError:
        continue
    print(address)
"""


def test_a_stages_container_reaches_mlflow_and_neither_databases_nor_mail_nor_airflow(stack):
    ports = {"postgres": 5432, "mail": 1025, "airflow-apiserver": 8080, "airflow-scheduler": 8974, "mlflow": 5000}
    tried = [f"{service}:{port}" for service, port in ports.items()]
    for service in list(ports)[:-1]:
        (found,) = stack.containers(service)
        addresses = stack.inspect(found["ID"], "range .NetworkSettings.Networks}}{{.IPAddress}} {{end").split()
        tried += [f"{address}:{ports[service]}" for address in addresses]
    assert len(tried) == 9
    everything = stack.exec("airflow-triggerer", "python", "-c", REACHED, *tried).split()
    assert everything == tried, "the services do not listen where this looks"
    network = stack.exec("airflow-scheduler", "printenv", "GALLEY_NETWORK").strip()
    assert stack.inside(network, "workbench", "python", "-c", REACHED, *tried).split() == ["mlflow:5000"]


@pytest.mark.parametrize("module", ["pandas", "ipykernel", "sklearn", "mlflow", "jupyterlab"])
def test_airflows_image_has_nothing_of_the_stages(stack, module):
    looked = f"from importlib.util import find_spec; raise SystemExit(find_spec('{module}') is not None)"
    stack.exec("airflow-apiserver", "python", "-c", looked)


@pytest.mark.parametrize("path", ["/galley/reports", "/galley/docs", "/galley/openapi.json", "/api/v2/dags"])
def test_who_is_not_logged_in_sees_nothing_of_airflow(stack, path):
    status, said = stack.ask(stack.url("AIRFLOW") + path)
    assert status in (401, 403, 404), said[:200]


def test_the_passwords_that_everybody_tries_open_nothing(stack):
    login = {"username": "admin", "password": "admin"}
    assert stack.ask(f"{stack.url('AIRFLOW')}/auth/token", "POST", login)[0] == 401
    runs = f"{stack.url('MLFLOW')}/api/2.0/mlflow/experiments/search?max_results=1"
    assert stack.ask(runs)[0] == 401
    assert stack.ask(runs, **stack.basic("admin", "password1234"))[0] == 401
    assert stack.ask(runs, **stack.basic("galley", stack.settings["MLFLOW_PASSWORD"]))[0] == 200
    assert stack.ask(f"{stack.url('LAB')}/api/contents")[0] == 403


@pytest.mark.parametrize("user", ["viewer", "reviewer"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "dags/train_weekly", {"is_paused": True}),
        ("POST", "dags/train_weekly/dagRuns", {"logical_date": "2026-01-05T00:00:00Z"}),
        ("POST", "dags/train_weekly/clearTaskInstances", {"dry_run": True}),
        ("POST", "variables", {"key": "model_uri", "value": "models/2026-01-05"}),
        ("DELETE", "dags/train_weekly", None),
    ],
)
def test_who_only_looks_or_reviews_changes_nothing_else(stack, user, method, path, body):
    status, said = stack.ask(f"{stack.url('AIRFLOW')}/api/v2/{path}", method, body, **stack.token_of(user))
    assert status == 403, said


@pytest.mark.parametrize("user", ["admin", "reviewer", "viewer"])
@pytest.mark.parametrize("path", ["/galley/reports", "/api/v2/plugins"])
def test_who_is_logged_in_sees_reports(stack, user, path):
    # The user interface asks for the plugins: without them it has no Reports, and no page for links to them.
    assert stack.ask(stack.url("AIRFLOW") + path, **stack.token_of(user))[0] == 200


def test_airflows_database_and_logs_are_cleaned_by_a_command_and_what_is_recent_stays(stack, unanswered):
    old = "/opt/airflow/logs/dag_id=old/run_id=old/attempt=1.log"
    stack.exec("airflow-scheduler", "sh", "-c", f"mkdir -p $(dirname {old}) && touch -d 2020-01-01 {old}")

    def runs():
        said = stack.ask(f"{stack.url('AIRFLOW')}/api/v2/dags/~/dagRuns", **stack.token_of("admin"))[1]
        return {run["dag_run_id"] for run in json.loads(said)["dag_runs"]}

    before = runs()
    stack.make("stack-clean", "DAYS=30")
    assert stack.exec("airflow-scheduler", "find", "/opt/airflow/logs", "-path", "*dag_id=old*") == ""
    assert before
    assert before <= runs()
