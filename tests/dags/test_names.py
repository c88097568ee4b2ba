"""What DAG files import is there."""

import galley.airflow


def test_each_public_name_can_be_imported():
    assert [name for name in galley.airflow.__all__ if not hasattr(galley.airflow, name)] == []
