"""The releases of Airflow that galley works with, checked before anything of Airflow's is asked for."""

from galley.errors import AirflowUnsupported

OLDEST = (3, 1)


def require_supported() -> None:
    """Raise AirflowUnsupported below the oldest release; what a later one lacks, galley.airflow.compat knows."""
    from airflow import __version__

    if tuple(int(part) for part in __version__.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise AirflowUnsupported(
            f"This is Airflow {__version__}, and galley needs {oldest} or newer: before that no task can wait for a "
            "person's answer. Upgrade Airflow, or uninstall airflow-galley."
        )
