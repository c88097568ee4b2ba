"""The client of an embedded Airflow: what had no lock of the database in time is asked again, and nothing else is.

The runs of many days are asked for together.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from galley.local.api import Client
from galley.local.errors import AirflowError

LOCKED = {"detail": {"reason": "Database error"}}


@pytest.fixture
def airflow():
    """A server that gives the answers in its list, one after the other, and counts the questions."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            code, said = server.answers.pop(0)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = [], [(201, {"access_token": "t"})]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(airflow):
    return client(airflow)._call("POST", "/api/v2/dags/a/dagRuns", {})


def client(airflow):
    return Client(f"http://127.0.0.1:{airflow.server_port}", "admin", "secret")


def test_a_database_that_was_locked_is_asked_again(airflow):
    airflow.answers += [(500, LOCKED), (500, LOCKED), (200, {"state": "queued"})]
    assert ask(airflow) == {"state": "queued"}


@pytest.mark.parametrize(("answer", "asked"), [((500, LOCKED), 31), ((500, {"detail": "a bug"}), 2), ((409, {}), 2)])
def test_any_other_error_and_one_that_stays_are_said(airflow, answer, asked):
    airflow.answers += [answer] * 40
    with pytest.raises(AirflowError, match=f"answered {answer[0]} to POST"):
        ask(airflow)
    assert len(airflow.asked) == asked


def a_list(key, entries, total):
    return 200, {key: entries, "total_entries": total}


def test_the_runs_of_many_days_are_asked_for_together_and_by_pages(airflow):
    days = ["2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"]
    runs = [{"dag_run_id": f"of {ds}", "logical_date": f"{ds}T00:00:00Z", "state": "running"} for ds in days[:3]]
    runs.append({"dag_run_id": "without", "logical_date": None, "state": "running"})
    times = {"start_date": None, "end_date": None}
    tasks = [
        {"dag_run_id": f"of {ds}", "task_id": name, "state": state, "try_number": 1, **times}
        for ds, name, state in ((days[0], "a", "success"), (days[2], "a", "success"), (days[0], "b", None))
    ]
    airflow.answers += [
        a_list("dag_runs", runs[:2], 4), a_list("dag_runs", runs[2:], 4), a_list("task_instances", tasks, 3),
    ]  # fmt: skip
    found = client(airflow).runs("a", days)
    assert {ds: run.run_id for ds, run in found.items()} == {ds: f"of {ds}" for ds in days[:3]}
    assert {ds: [(task.task_id, task.state) for task in run.tasks] for ds, run in found.items()} == {
        days[0]: [("a", "success"), ("b", None)], days[1]: [], days[2]: [("a", "success")],
    }  # fmt: skip
    _, first, second, third = airflow.asked
    assert ("offset=0" in first, "offset=2" in second) == (True, True)
    assert third.startswith("/api/v2/dags/a/dagRuns/~/taskInstances?logical_date_gte=2026-11-21T")
