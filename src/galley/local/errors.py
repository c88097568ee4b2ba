"""What can go wrong between a person's command and the processes it starts."""

from galley.errors import GalleyError


class LocalError(GalleyError):
    """The root of what galley.local raises on purpose."""


class AlreadyRunning(LocalError):
    """Another command works on the same embedded Airflow."""


class PortTaken(LocalError):
    """Something else listens on a port that is needed."""


class ServiceEnded(LocalError):
    """A process that should run on has ended."""


class AirflowError(LocalError):
    """Airflow refused a request, did not come up in time, or cannot read a DAG."""


class RunFailed(LocalError):
    """A DAG run of the demonstration failed."""
