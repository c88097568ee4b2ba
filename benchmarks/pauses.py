"""Pauses: how long a run waits for the scheduler between its tasks, and an idle one's cost, by its idle sleep.

Usage: .venvs/airflow/bin/python benchmarks/pauses.py [RUNS]

An embedded Airflow in a temporary folder runs five short tasks one after the other. A pause is from one task's end to
the next one's queueing, as Airflow's database has them. The cost is the scheduler's own processor seconds, of the
system's account, while nothing runs.
"""

import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from galley.local import ports
from galley.local.airflow import ADMIN, IDLE_SLEEP, Airflow, airflow_home, database
from galley.local.api import Client
from galley.local.services import Services
from galley.settings import Settings

SLEEPS = ("1", "0.1", "0.2", "0.05", "0.5")
"""Values of scheduler_idle_sleep_time, in seconds."""
IDLE = 15.0
"""Seconds for which an idle scheduler is watched."""
DAG = """
import time
from datetime import UTC, datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def nap():
    time.sleep(0.3)


with DAG("five", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC)):
    before = None
    for number in range(5):
        task = PythonOperator(task_id=f"task_{number}", python_callable=nap)
        if before is not None:
            before >> task
        before = task
"""


def measure(settings: Settings, runs: int) -> Iterator[tuple[str, list[float], float]]:
    """Of each idle sleep: all pauses of some runs in milliseconds, and the idle scheduler's share of a core."""
    airflow = Airflow(settings, ports.free(), schedule=True)
    airflow.prepare()
    named = {service.name: service for service in airflow.services()}
    scheduler = named.pop("scheduler")
    logs = airflow_home(settings) / "logs" / "services"
    client = Client(airflow.url, ADMIN, airflow.passwords()[ADMIN])
    day, began = date(2020, 1, 1), datetime.now(UTC)
    with Services(logs) as others:
        for service in named.values():
            others.start(service)
        for sleep in SLEEPS:
            with Services(logs) as services:
                services.start(replace(scheduler, environment={**scheduler.environment, IDLE_SLEEP: sleep}))
                client.wait_until_ready(["five"], began, services.check)
                client.unpause("five")
                found = []
                for number in range(runs + 1):
                    day += timedelta(1)
                    await_run(client, day.isoformat())
                    if number:  # the first one starts Airflow's workers
                        found += pauses(settings, day.isoformat())
                time.sleep(3)
                yield sleep, found, idle_cost()


def await_run(client: Client, day: str) -> None:
    """Have the tasks done once."""
    client.trigger("five", day, {})
    while (run := client.run("five", day)) is None or run.state in ("queued", "running"):
        time.sleep(0.7)


def pauses(settings: Settings, day: str) -> list[float]:
    """Milliseconds from each task's end to the next one's queueing, in the run of a day."""
    query = "SELECT queued_dttm, end_date FROM task_instance WHERE run_id LIKE ? ORDER BY task_id"
    with closing(sqlite3.connect(database(settings), timeout=60)) as connection:
        rows = connection.execute(query, [f"%{day}"]).fetchall()
    times = [tuple(map(datetime.fromisoformat, row)) for row in rows]
    return [(after[0] - before[1]).total_seconds() * 1000 for before, after in pairwise(times)]


def idle_cost() -> float:
    """The scheduler's processor seconds for each second, while nothing runs."""
    named = [each for each in psutil.Process().children() if "scheduler" in " ".join(each.cmdline())]
    (scheduler,) = named
    began, at_first = time.monotonic(), sum(scheduler.cpu_times()[:2])
    time.sleep(IDLE)
    return float((sum(scheduler.cpu_times()[:2]) - at_first) / (time.monotonic() - began))


def say(line: str) -> None:
    """Show a line of the table as soon as it is there."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure each value, and print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "dags").mkdir()
        (project / "dags" / "five.py").write_text(DAG)
        shutil.copy(Path(__file__).parents[1] / "galley.toml", project)
        settings = Settings.from_environment({"GALLEY_HOME": str(project)})
        say("| idle sleep, s | pause, ms | idle scheduler, % of a core |\n| --- | --- | --- |")
        for sleep, found, cost in measure(settings, runs):
            shown = f"{statistics.median(found):.0f} ({min(found):.0f}-{max(found):.0f})"
            say(f"| {sleep} | {shown} | {100 * cost:.1f} |")


if __name__ == "__main__":
    main()
