"""What is known of runs without starting Airflow: of no database, a foreign one and a damaged one, nothing."""

import sqlite3

import pytest

from galley.local import history


def test_nothing_is_known_without_a_database(tmp_path):
    assert history.run(tmp_path / "airflow.db", "train_weekly", "2026-11-23") is None
    assert not (tmp_path / "airflow.db").exists()


def test_nothing_is_known_from_tables_that_look_different(tmp_path):
    sqlite3.connect(tmp_path / "airflow.db").execute("CREATE TABLE dag_run (id)").connection.close()
    assert history.run(tmp_path / "airflow.db", "train_weekly", "2026-11-23") is None


def test_nothing_is_known_from_a_file_that_is_no_database(tmp_path):
    (tmp_path / "airflow.db").write_bytes(b"something else" * 100)
    assert history.run(tmp_path / "airflow.db", "train_weekly", "2026-11-23") is None


@pytest.fixture
def database(tmp_path):
    """A database with the columns that are read."""
    file = tmp_path / "airflow.db"
    connection = sqlite3.connect(file)
    connection.executescript("""
        CREATE TABLE dag_run (dag_id, run_id, logical_date, state);
        CREATE TABLE task_instance (dag_id, run_id, task_id, state, try_number, start_date, end_date);
        INSERT INTO dag_run VALUES ('train_weekly', 'r', '2026-11-23 00:00:00.000000', 'success');
        INSERT INTO task_instance VALUES
            ('train_weekly', 'r', 'split', 'success', 1, '2026-11-23 12:00:00.000000', '2026-11-23 12:00:02.500000'),
            ('train_weekly', 'r', 'promote', NULL, 0, NULL, NULL);
    """)
    connection.close()
    return file


def test_a_run_is_read_with_its_tasks(database):
    run = history.run(database, "train_weekly", "2026-11-23")
    assert (run.run_id, run.state) == ("r", "success")
    assert [(task.task_id, task.state, task.seconds) for task in run.tasks_in_order] == [
        ("split", "success", 2.5),
        ("promote", None, None),
    ]


def test_another_day_has_no_run(database):
    assert history.run(database, "train_weekly", "2026-11-22") is None
