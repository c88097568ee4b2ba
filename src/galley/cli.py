"""The command `galley`: run a stage or the whole job, compare, check, verify and export, write a project, make keys."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from galley import __version__
from galley.days import Day
from galley.errors import FAILED, GalleyError, SettingsError, exit_code
from galley.init import PROBLEMS, write_project
from galley.kernels import late
from galley.local import commands as local
from galley.proof import commands as proof
from galley.run.resources import of_disk
from galley.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    late.delay()
    try:
        code: int = asked.command(asked)
    except (GalleyError, OSError) as error:
        said = of_disk(error) if isinstance(error, OSError) else error
        if said is None:
            raise
        print(f"{type(said).__name__}: {said}", file=sys.stderr)
        return exit_code(said)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="galley", description=__doc__)
    parser.add_argument("--version", action="version", version=f"airflow-galley {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    execute = commands.add_parser(
        "execute",
        help="run one notebook as a stage, and keep its record as the DAGs do",
        epilog="galley execute train/01_fit.ipynb --ds 2026-11-23 -p seed 7",
    )
    execute.add_argument(
        "notebook", type=Path, help="its path, or its name below the notebooks' folder; -: a task asks for it on stdin"
    )
    execute.add_argument("-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    execute.add_argument("--ds", help="the day, YYYY-MM-DD; without it, the latest day there is")
    execute.add_argument("--dag-id", help="whose reports it joins; without it, the notebook's folder")
    execute.add_argument("--kernel", help="the kernel to run it in; without it, the one that the notebook names")
    execute.add_argument("--run", type=json.loads, default={}, help="who asks, as JSON, for the record")
    execute.set_defaults(command=_execute)

    diff = commands.add_parser(
        "diff",
        help="what changed in a notebook since a day's run, as code and, by a run of its own, in numbers",
        description="Shows the changed code, runs the notebook for that day with the same parameters, and shows what "
        "both runs concluded. What the run writes goes below .scratch, and no version is registered. It needs nbdime.",
        epilog="galley diff train/01_fit.ipynb 2026-11-23",
    )
    diff.add_argument("notebook", type=Path, help="its path, or its name below the notebooks' folder")
    diff.add_argument("ds", nargs="?", help="the day, YYYY-MM-DD; without it, the latest that has a run of it")
    diff.add_argument("--dag-id", default="", help="whose runs it is compared with; without it, the notebook's folder")
    diff.add_argument("--map-index", type=int, help="which run of a mapped task it is compared with")
    diff.set_defaults(command=_diff)

    check = commands.add_parser(
        "check",
        help="say what keeps notebooks from being stages, and what galley.toml lacks; exit code 1 if anything does",
        epilog="galley check notebooks/train",
    )
    check.add_argument("paths", nargs="*", type=Path, help="notebooks and folders; without any, the notebooks' folder")
    check.set_defaults(command=_check)

    kernels = commands.add_parser("kernel", help="the kernelspec of the environment that this command is of")
    install = kernels.add_subparsers(required=True, metavar="ACTION").add_parser(
        "install",
        help="write it where kernels are found",
        epilog="galley kernel install workbench --to .venvs/jupyter",
    )
    install.add_argument("name", help="what notebooks and NotebookOperator's kernel_name say")
    install.add_argument(
        "--to", type=Path, default=Path(sys.prefix, "share", "jupyter"), help="a folder on JUPYTER_PATH; %(default)s"
    )
    install.set_defaults(command=_install_kernel)

    init = commands.add_parser(
        "init",
        help="write a small project that works at once, to be changed into yours",
        epilog="galley init house-prices --problem regression",
    )
    init.add_argument("folder", type=Path, metavar="NAME", help="its folder, which is made; the model is named like it")
    init.add_argument("--problem", choices=PROBLEMS, default="binary", help="the kind of problem; %(default)s")
    init.set_defaults(command=_init)

    proof.add_commands(commands)
    local.add_commands(commands)
    return parser


def _execute(asked: argparse.Namespace) -> int:
    from galley.notebooks.parameters import Notebook
    from galley.run.execute import Execution, StageRun

    if str(asked.notebook) == "-":
        from galley.run.container import inside

        return inside.run()
    settings = Settings.from_environment()
    _find_kernels(settings)
    notebook = asked.notebook if asked.notebook.is_file() else settings.notebooks / asked.notebook
    dag_id = asked.dag_id or notebook.resolve().parent.name
    settings = settings.for_model(dag_id=dag_id)
    day = Day.of(asked.ds, settings) if asked.ds else Day.latest(settings)
    execution = Execution(
        StageRun(
            notebook=notebook.resolve(),
            parameters=({"ds": day.ds} if Notebook.load(notebook).takes("ds") else {}) | dict(asked.parameter),
            reports=day.reports(dag_id),
            name=notebook.stem,
            title=f"{dag_id} · {notebook.stem} · {day}",
            kernel=asked.kernel,
            run={"dag_id": dag_id, "ds": day.ds, "user": os.environ.get("USER", "unknown"), **asked.run},
        ),
        settings,
    )
    signal.signal(signal.SIGTERM, lambda *_: execution.kill())
    outcome = execution.run()
    print(json.dumps({"conclusion": outcome.conclusion, "report": str(outcome.page)}, indent=2))
    return 0


def _diff(asked: argparse.Namespace) -> int:
    from galley.reports.edit import Edit, latest, numbers

    settings = Settings.from_environment()
    _find_kernels(settings)
    edit = Edit.of(asked.notebook, settings, asked.dag_id, asked.map_index)
    ds = latest(edit, asked.ds)
    scheduled = edit.scheduled(ds) if ds else None
    before = edit.committed() if scheduled is None else scheduled
    name = "the last commit" if scheduled is None else f"outputs/{ds}/{edit.dag_id}/{edit.name}.ipynb"
    print(edit.code(before, name, sys.stdout.isatty()) or f"Code and text are those of {name}.", flush=True)
    if scheduled is None:
        raise edit.missing(ds)
    edited, page = edit.rerun(scheduled, ds)
    print(f"\n{numbers(scheduled, edited)}\n\nreport of the edited run: {page}")
    return 0


def _check(asked: argparse.Namespace) -> int:
    from galley.notebooks.parameters import Notebook

    settings = None if asked.paths else Settings.from_environment()
    paths = asked.paths or ([settings.notebooks] if settings else [])
    found = sorted(nb for path in paths for nb in (path.rglob("*.ipynb") if path.is_dir() else [path]))
    notebooks = [path for path in found if ".ipynb_checkpoints" not in path.parts]
    problems = [problem for path in notebooks for problem in Notebook.load(path).problems()]
    problems += [*_unreviewed(settings), *_unreachable(settings, notebooks)] if settings else []
    print("\n".join([*problems, f"notebooks: {len(notebooks)}, problems: {len(problems)}"]))
    return FAILED if problems or not notebooks else 0


def _install_kernel(asked: argparse.Namespace) -> int:
    from galley.kernels.kernelspec import write_kernelspec

    if find_spec("ipykernel") is None:
        raise SettingsError(
            f"There is no ipykernel in the environment of {sys.executable}. Run the command of the kernel's own "
            "environment, or install it there: pip install 'airflow-galley[kernel]'"
        )
    print(f"wrote {write_kernelspec(asked.name, Path(sys.executable), asked.to)}")
    return 0


def _init(asked: argparse.Namespace) -> int:
    written = write_project(asked.folder, asked.problem)
    print("\n".join(f"wrote {path}" for path in written))
    return 0


def _unreachable(settings: Settings, notebooks: list[Path]) -> list[str]:
    """What keeps kernels from running as a user of their own, where the settings name one."""
    if not settings.kernel_user:
        return []
    from galley.notebooks.parameters import Notebook
    from galley.run.kernel_user import problems

    _find_kernels(settings)
    names = (Notebook.load(path).kernel_name for path in notebooks)
    return problems(settings, filter(None, names))


def _find_kernels(settings: Settings) -> None:
    """Look where `make` writes the kernelspecs, for whoever calls this without make."""
    os.environ.setdefault("JUPYTER_PATH", str(settings.home / ".venvs" / "jupyter"))


def _unreviewed(settings: Settings) -> list[str]:
    """The declared models whose training has no notebook of its review: nothing of theirs could be approved."""
    from galley.notebooks.names import stage_of

    models = settings.project.models.values()
    stages = {
        model.name: {stage_of(path.stem) for path in settings.notebooks.glob(f"{model.train}/*.ipynb")}
        for model in models
    }
    return [
        f"{settings.project_file}: models.{model.name}.review: {model.train} has no notebook NN_{model.review}.ipynb. "
        "Add it, or name the stage that a person reads."
        for model in models
        if model.review not in stages[model.name]
    ]


if __name__ == "__main__":
    sys.exit(main())
