import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("README.md",)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The checkout, copied to a folder with a space and built there as `pip wheel .` does."""
    folder = tmp_path_factory.mktemp("path with spaces")
    copy, out = folder / "check out", folder / "out"
    kept = ("flows", "tasks", "models", "storage", "weights", "samples")
    for path in ROOT.iterdir():
        if path.name in (*kept, "pyproject.toml", "farm3d.py", "setup.py", "README.md", "LICENSE", "prefect.yaml"):
            copy.mkdir(exist_ok=True)
            (copy / path.name).symlink_to(path)
    line = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    out.mkdir()
    done = subprocess.run([sys.executable, "-c", line, str(out)], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (file,) = out.glob("farm3d-*.whl")
    return set(zipfile.ZipFile(file).namelist())


@pytest.mark.slow
def test_a_wheel_has_every_package_and_every_file_that_is_read(wheel):
    inside = ("flows", "tasks", "models", "storage", "weights", "samples")
    listed = subprocess.run(["git", "ls-files", *inside], cwd=ROOT, capture_output=True, text=True, check=False)
    wanted = {name for name in listed.stdout.splitlines() if not name.endswith(LEFT_OUT)}
    assert not wanted - wheel
    assert {"flows/prefect.yaml", "flows/pyproject.toml"} <= wheel
    others = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert others == {*inside, "farm3d.py"}
