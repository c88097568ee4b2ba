"""Everything that can go wrong in galley, as one tree.

Each message gives the fact and then the next action. What `make run` and `make up` can meet is a branch of its own, in
galley.local.errors.

    GalleyError
    ├── Permanent                 running it again would end the same way: never retried
    │   ├── SettingsError         an environment variable that makes no sense
    │   ├── AirflowUnsupported    an Airflow that is too old
    │   ├── InvalidDay            a ds that is not a date
    │   ├── NotebookError         a notebook that is not a stage
    │   │   └── ParameterError    a parameter that the notebook does not accept
    │   ├── KernelNotFound        a kernel name with no kernelspec
    │   ├── ContainerRefused      a container that the Docker engine does not make, or that cannot run a stage
    │   ├── ContractBreach        data that is not what was agreed
    │   │   └── MissingInput      a file that should be there and is not
    │   ├── ModelNotFound         a model that does not resolve, or does not load
    │   ├── RegistryRefused       the model registry does not accept the user or the password
    │   ├── ConclusionError       a conclusion that is not small, plain JSON
    │   ├── OutOfMemory           a stage that was killed because it reached the limit of its memory
    │   └── DecisionError         a promotion that lacks its decision, or whose evidence changed
    │       └── SignatureError    a statement that no trusted key signed, or that was changed, moved or removed
    ├── StageFailed               a cell raised an error that galley does not know
    └── Transient                 worth another try
        ├── StageBusy             another run of the same stage and day is under way
        ├── QuestionChanged       what a review asks is not what its form showed: the next try asks anew
        ├── StageInterrupted      the kernel died, or did not start
        ├── StageKilled           the task was stopped
        ├── ResourceExhausted     no room on the disk, no memory, or too many open files
        ├── RecordLost            the record could not be written (disk full, read-only)
        ├── EngineUnavailable     the Docker engine does not answer
        ├── RegistryUnavailable   the model registry does not answer
        └── StorageUnavailable    the object store does not answer
"""


class GalleyError(Exception):
    """The root of the tree; catch this to catch all that galley raises on purpose."""


class Permanent(GalleyError):
    """Running it again would end the same way."""


class Transient(GalleyError):
    """Worth another try."""


class SettingsError(Permanent):
    """An environment variable that makes no sense."""


class AirflowUnsupported(Permanent):
    """An Airflow that is too old."""


class InvalidDay(Permanent):
    """A ds that is not a date."""


class NotebookError(Permanent):
    """A notebook that is not a stage: unreadable, or without one cell tagged `parameters`."""


class ParameterError(NotebookError):
    """A parameter that the notebook does not accept, or one it needs and did not get."""


class KernelNotFound(Permanent):
    """A kernel name with no kernelspec."""


class ContainerRefused(Permanent):
    """A container that the Docker engine does not make, or that cannot run a stage."""


class ContractBreach(Permanent):
    """Data that is not what was agreed."""


class MissingInput(ContractBreach):
    """A file that should be there and is not."""


class ModelNotFound(Permanent):
    """A name, URI or path of a model that does not resolve, or does not load."""


class RegistryRefused(Permanent):
    """The model registry does not accept the user or the password, or does not let this user do it."""


class ConclusionError(Permanent):
    """A conclusion that is not small, plain JSON, or was stated twice."""


class OutOfMemory(Permanent):
    """A stage that was killed because it reached the limit of its container's memory."""


class DecisionError(Permanent):
    """A promotion that lacks its recorded decision, or whose evidence changed since."""


class SignatureError(DecisionError):
    """A statement that no trusted key signed, or that was changed, moved or removed since."""


class StageFailed(GalleyError):
    """A cell raised an error that galley does not know: whether another try helps is the DAG's to say."""


class StageBusy(Transient):
    """Another run of the same stage and day is under way, or one has written anew what this one had read."""


class QuestionChanged(Transient):
    """What a review asks is no longer what its form showed, so that an answer would be about something else."""


class StageInterrupted(Transient):
    """The kernel died, or did not start in time."""


class StageKilled(Transient):
    """The task was stopped while its cells ran."""


class ResourceExhausted(Transient):
    """No room on the disk, no memory, or too many open files."""


class RecordLost(Transient):
    """The record of the run could not be written."""


class EngineUnavailable(Transient):
    """The Docker engine does not answer."""


class RegistryUnavailable(Transient):
    """The model registry does not answer."""


class StorageUnavailable(Transient):
    """The object store does not answer."""


FAILED = 1
"""Exit code of a stage that would fail again, and of a check that found something."""
TRY_AGAIN = 75
"""Exit code of a stage that may pass if it is run again (EX_TEMPFAIL of sysexits.h)."""


def exit_code(error: BaseException) -> int:
    """The exit code of a command that the error ended."""
    return TRY_AGAIN if isinstance(error, Transient) else FAILED


def name_of(error: BaseException) -> str:
    """The name of an error's class; of a class of somebody else's below the tree, with its own class of the tree."""
    kind = type(error)
    own = next((base for base in kind.__mro__ if named(base.__name__) is base), kind)
    return kind.__name__ if own is kind else f"{kind.__name__} ({own.__name__})"


def named(name: str) -> type[GalleyError] | None:
    """The error of the tree with that name, or of which a `name_of` says that it is one; None if there is none."""
    kind = globals().get(name.rpartition("(")[2].rstrip(")"))
    return kind if isinstance(kind, type) and issubclass(kind, GalleyError) else None
