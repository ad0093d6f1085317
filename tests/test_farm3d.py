import os
import subprocess
import sys
from pathlib import Path

import pytest

import farm3d

ROOT = Path(__file__).resolve().parents[1]


def test_the_packages_are_its_own():
    assert farm3d.find_intruder() is None


def run(*options, cwd, **variables):
    environment = {"HOME": str(cwd), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *options, "-m", "farm3d", "category", "list"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["models", "flows", "storage"])
def test_another_project_of_the_same_name_is_named_and_not_run(tmp_path, package):
    other = tmp_path / "other project"
    (other / package).mkdir(parents=True)
    (other / package / "__init__.py").write_text("raise SystemExit('foreign code ran')")
    done = run(cwd=tmp_path, PYTHONPATH=f"{other}{os.pathsep}{ROOT}")
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"error: package '{package}' of farm3d is {other / package}; take that out of PYTHON")


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"},
        {"PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_API_KEY": "x", "PREFECT_PROFILE": "default"},
        {"VIRTUAL_ENV": "/nowhere", "CONDA_PREFIX": "/nowhere", "PYTHONSTARTUP": "/nowhere.py"},
        {"PATH": "/nowhere"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_whatever_the_surroundings_say_a_command_works(tmp_path, variables):
    folder = tmp_path / "a folder"
    folder.mkdir()
    done = run(cwd=folder, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cow ") and done.stderr.count("\n") == ("PREFECT_PROFILE" in variables)
