"""What every test needs: this checkout's packages, one thread, and a Prefect home and places to compute of its own."""

import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before torch and Prefect are imported: two busy OpenMP pools on two cores are many times slower than one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["DO_NOT_TRACK"] = "1"
os.environ.pop("PREFECT_API_URL", None)
os.environ.pop("PREFECT_API_AUTH_STRING", None)
# Not the server that `farm3d up` started in this checkout.
os.environ["PREFECT_PROFILES_PATH"] = os.devnull


def pytest_configure():
    import models

    where = Path(str(models.__file__)).resolve()
    if ROOT not in where.parents:
        raise pytest.UsageError(f"package models is {where}, not that of {ROOT}; install with `pip install -e .`")


def pytest_collection_modifyitems(config, items):
    """Tests that need a GPU are left out where there is none."""
    import torch

    if torch.cuda.is_available():
        return
    away = [item for item in items if item.get_closest_marker("gpu")]
    config.hook.pytest_deselected(items=away)
    items[:] = [item for item in items if item not in away]


@pytest.fixture(scope="session", autouse=True)
def _own_home_and_places(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
    # The places are locks in the temporary folder: a flow that runs on this machine would hold the tests up.
    patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    patch.setattr(tempfile, "tempdir", None)
    yield
    patch.undo()
