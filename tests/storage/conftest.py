from uuid import uuid4

import pytest

from storage.layout import Store
from storage.records import ShardRef, digest
from tests.storage.material import RECIPE


@pytest.fixture(params=["folder", "object store"])
def root(request, tmp_path, monkeypatch) -> str:
    """A place to keep things in; the second kind cannot rename."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid4().hex}"


@pytest.fixture
def folder(tmp_path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def shard(folder) -> ShardRef:
    return Store(folder).curated("cow", digest(RECIPE), 0)
