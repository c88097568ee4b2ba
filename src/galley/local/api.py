"""A small client of Airflow's REST API: what the demonstration asks for, and nothing else."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from galley.local.errors import AirflowError
from galley.local.runs import DagRun, TaskRun

_TIMEOUT = 120.0
"""Seconds for an answer: the first one takes half a minute where others keep the processors busy. A server that is gone
refuses at once."""

_LOCKED, _TRIES = "Database error", 30
"""What Airflow says where SQLite had no lock for it in a second, and nothing was done; and how often it is asked."""

_PAGE = 100
"""Entries of a list that Airflow gives out at a time."""

NAP = 1.0
"""Seconds between two looks."""


class Client:
    """One user's session with an Airflow."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self._password = password
        self._token: str | None = None
        # Loopback: a proxy from the environment would be in the way.
        self._open = build_opener(ProxyHandler({})).open

    def wait_until_ready(self, dag_ids: list[str], since: datetime, meanwhile: Callable[[], None]) -> None:
        """Return when Airflow is healthy and has read each of these DAGs since then; `meanwhile` is called often.

        Raises AirflowError for a DAG that it cannot import, and after three minutes.
        """
        deadline = time.monotonic() + 180
        while not (self._is_healthy() and all(self._was_read(dag_id, since) for dag_id in dag_ids)):
            meanwhile()
            if time.monotonic() > deadline:
                raise AirflowError(
                    f"Airflow did not come up with {', '.join(dag_ids)} within three minutes. "
                    "Look into the logs of its services, and start again."
                )
            time.sleep(NAP)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}", {"is_paused": False})

    def trigger(self, dag_id: str, ds: str, conf: Mapping[str, str]) -> None:
        """Ask for a run of this DAG for a day with these Params, under a name that says why there is one."""
        body = {"dag_run_id": f"demonstration__{ds}", "logical_date": logical_date(ds), "conf": dict(conf)}
        self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)

    def clear(self, run: DagRun, only_failed: bool) -> None:
        """Have a run done again: its failed tasks and what follows them, or all of it."""
        body = {"dry_run": False, "only_failed": only_failed}
        self._call("POST", f"{_path(run.dag_id, run.run_id)}/clear", body)

    def delete(self, run: DagRun) -> None:
        """Forget a run, so that there can be another one for its day."""
        self._call("DELETE", _path(run.dag_id, run.run_id))

    def run(self, dag_id: str, ds: str) -> DagRun | None:
        """The run of this DAG for a day with its tasks, or None if there never was one."""
        return self.runs(dag_id, [ds]).get(ds)

    def runs(self, dag_id: str, days: Sequence[str]) -> dict[str, DagRun]:
        """The runs of this DAG with their tasks, by their days; a day that never had one is left out.

        In two questions for all of them, and not in two for each: they are asked once a second while a job runs.
        """
        between = {"logical_date_gte": logical_date(min(days)), "logical_date_lte": logical_date(max(days))}
        found = self._all(f"/api/v2/dags/{quote(dag_id)}/dagRuns", "dag_runs", between)
        tasks: dict[str, list[TaskRun]] = {}
        for task in self._all(f"{_path(dag_id, '~')}/taskInstances", "task_instances", between):
            tasks.setdefault(task["dag_run_id"], []).append(_task(task))
        named = {_time(logical_date(ds)): ds for ds in days}
        return {
            ds: DagRun(dag_id, run["dag_run_id"], ds, run["state"], tuple(tasks.get(run["dag_run_id"], ())))
            for run in found
            if (ds := named.get(_time(run["logical_date"])))
        }

    def answer(self, run: DagRun, task_id: str, option: str, **inputs: str) -> None:
        """Answer a review that waits for a person."""
        body = {"chosen_options": [option], "params_input": inputs}
        self._call("PATCH", f"{_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id)}/-1/hitlDetails", body)

    def _all(self, path: str, key: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """All entries of a list, which the server gives out page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", f"{path}?{urlencode({**query, 'limit': _PAGE, 'offset': len(found)})}")
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _is_healthy(self) -> bool:
        health = self._call_if_up("/api/v2/monitor/health")
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return health is not None and all(health[part].get("status") == "healthy" for part in parts)

    def _was_read(self, dag_id: str, since: datetime) -> bool:
        for error in self._call("GET", "/api/v2/importErrors")["import_errors"]:
            if datetime.fromisoformat(error["timestamp"]) >= since:
                raise AirflowError(
                    f"Airflow cannot import {error['filename']}:\n{error['stack_trace']}\nFix that and start again."
                )
        query = urlencode({"dag_id_pattern": dag_id})
        found = [dag for dag in self._call("GET", f"/api/v2/dags?{query}")["dags"] if dag["dag_id"] == dag_id]
        return bool(found) and datetime.fromisoformat(found[0]["last_parsed_time"]) >= since

    def _call_if_up(self, path: str) -> Any:
        try:
            return self._send(Request(self.url + path))  # noqa: S310  (the URL is our own server's)
        except (URLError, ConnectionError, TimeoutError):
            return None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        if self._token is None:
            login = {"username": self.user, "password": self._password}
            self._token = self._request("POST", "/auth/token", login, {})["access_token"]
        return self._request(method, path, body, {"Authorization": f"Bearer {self._token}"})

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str], tries: int = _TRIES
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = headers | {"Content-Type": "application/json"}
        request = Request(self.url + path, data, headers, method=method)  # noqa: S310  (the URL is our own server's)
        try:
            return self._send(request)
        except HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code == HTTPStatus.INTERNAL_SERVER_ERROR and _LOCKED in text and tries > 1:
                return self._request(method, path, body, headers, tries - 1)
            raise AirflowError(
                f"Airflow answered {error.code} to {method} {path} as user {self.user}: {text}"
            ) from None
        except (URLError, ConnectionError, TimeoutError) as error:
            raise AirflowError(f"Airflow at {self.url} does not answer ({error}). Is it still running?") from None

    def _send(self, request: Request) -> Any:
        with self._open(request, timeout=_TIMEOUT) as response:
            return json.loads(response.read() or b"null")


def logical_date(ds: str) -> str:
    """The logical time of a day's run: its midnight (UTC), unless the day says another."""
    return datetime.fromisoformat(ds).replace(tzinfo=UTC).isoformat()


def _path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _task(fields: dict[str, Any]) -> TaskRun:
    return TaskRun(
        task_id=fields["task_id"],
        state=fields["state"],
        try_number=fields["try_number"],
        start=_time(fields["start_date"]),
        end=_time(fields["end_date"]),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
