"""The kernels' own user in a project: what it has to reach, found before a kernel is started."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import gettempdir

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from galley.errors import SettingsError
from galley.kernels.user import KernelUser
from galley.settings import Settings
from galley.storage import files

_SQLITE = "sqlite:///"


def kernel_user(settings: Settings, kernel: str, reports: Path) -> KernelUser | None:
    """The user that a stage's kernel is to run as; None: the one that galley runs as.

    It may add files to the stage's reports then. Raises SettingsError if it cannot run, read or write what it has to.
    """
    if not settings.kernel_user:
        return None
    user = KernelUser.of(settings.kernel_user)
    if not files.is_remote(reports):
        user.let_add(reports)
    if found := _problems(user, settings, [kernel], reports):
        raise SettingsError(" ".join(found))
    return user


def problems(settings: Settings, kernels: Iterable[str]) -> list[str]:
    """What keeps kernels from running as the user of the settings; nothing where these name none."""
    if not settings.kernel_user:
        return []
    try:
        return _problems(KernelUser.of(settings.kernel_user), settings, kernels)
    except SettingsError as error:
        return [str(error)]


def _problems(user: KernelUser, settings: Settings, kernels: Iterable[str], reports: Path | None = None) -> list[str]:
    day = reports.parent.name if reports else ""
    reads = [path for path in (settings.notebooks, settings.outputs, reports) if path and not files.is_remote(path)]
    asked = [
        *(("-x", path) for path in [*_programs(kernels), Path(gettempdir())]),
        *(("-r", path) for path in [*reads, settings.project_file] if path.exists()),
        *(("-x", path) for path in reads if path.exists()),
        *(("-w", path) for path in _written(settings, day)),
    ]
    return [problem(user, settings, how, path) for how, path in user.refused(asked)]


def problem(user: KernelUser, settings: Settings, how: str, path: Path) -> str:
    """What to say of a path that the user may not read (-r), write to (-w) or reach (-x)."""
    if how == "-w":
        todo = f"Give it what stages write: mkdir -p {settings.data} && chown -R {user.name} {settings.data}"
        return f"GALLEY_KERNEL_USER: {user.name} may not write to {path}. {todo}."
    verb = "read" if how == "-r" else "reach"
    todo = "Let it, and let it pass through the folders around (chmod o+rX), or move what it needs elsewhere"
    return f"GALLEY_KERNEL_USER: {user.name} may not {verb} {path}. {todo}."


def _programs(kernels: Iterable[str]) -> Iterator[Path]:
    """The interpreters of kernels, those that are there."""
    manager = KernelSpecManager()
    for name in sorted(set(kernels)):
        try:
            program = Path(manager.get_kernel_spec(name).argv[0])
        except NoSuchKernel:
            continue
        if program.is_absolute():
            yield program


def _written(settings: Settings, day: str) -> Iterator[Path]:
    """What stages write to: data, each folder in it, the day's folder in those, and MLflow's SQLite file."""
    if not files.is_remote(settings.data):
        yield settings.data
        there = sorted(settings.data.iterdir()) if settings.data.is_dir() else []
        folders = [path for path in there if path.is_dir() and not path.name.startswith(".")]
        yield from (path for folder in folders for path in dict.fromkeys((folder, folder / day)) if path.is_dir())
    if settings.tracking_uri.startswith(_SQLITE):
        database = Path(settings.tracking_uri.removeprefix(_SQLITE))
        yield from (path for path in (database,) if path.exists())
