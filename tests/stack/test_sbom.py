"""What is in the images can be looked up, by name and version."""

import json
import os
import subprocess
import tomllib

from conftest import ROOT


def test_an_image_is_listed_with_debians_packages_and_with_pythons_as_they_are_locked(stack, tmp_path):
    path = f"{ROOT / '.venvs/sbom/bin'}:{os.environ['PATH']}"
    command = [ROOT / "deploy/sbom", tmp_path, stack.image("data-stage")]
    subprocess.run(command, env=os.environ | {"PATH": path}, check=True)
    components = json.loads((tmp_path / "galley-data-stage.cdx.json").read_text())["components"]
    by_kind = {"pypi": {}, "deb": {}}
    for one in components:
        kind = one.get("purl", "").removeprefix("pkg:").partition("/")[0]
        by_kind.setdefault(kind, {})[one["name"]] = one["version"]
    locked = {one["name"]: one["version"] for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    asked = ["pandas", "pyarrow", "matplotlib"]
    assert {name: by_kind["pypi"].get(name) for name in asked} == {name: locked[name] for name in asked}
    assert "libc6" in by_kind["deb"]
    assert not {"scikit-learn", "mlflow", "apache-airflow"} & set(by_kind["pypi"])
