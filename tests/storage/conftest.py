from uuid import uuid4

import pytest
from s3fs import S3FileSystem

from storage.store.layout import Store
from storage.store.references import ShardRef, digest
from tests.storage.material import RECIPE
from tests.storage.store_server import Server


@pytest.fixture(scope="session")
def _server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("s3") / "journal")
    yield server
    server.stop()


@pytest.fixture
def s3(_server, monkeypatch, tmp_path) -> str:
    """An empty place in a bucket of a running server."""
    return bucket(_server, monkeypatch, tmp_path)


@pytest.fixture
def mortal(tmp_path, monkeypatch):
    """A server of its own, and a place in it."""
    server = Server(tmp_path / "journal")
    yield server, bucket(server, monkeypatch, tmp_path)
    server.stop()


def bucket(server: Server, monkeypatch, tmp_path) -> str:
    """Whoever loses the server is told at once, instead of after five more attempts of each of two libraries."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setattr(S3FileSystem, "read_timeout", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    S3FileSystem.clear_instance_cache()
    name = f"farm3d-{uuid4().hex}"
    S3FileSystem(use_listings_cache=False).mkdir(name)
    return f"s3://{name}/data"


@pytest.fixture(params=["folder", "object store"])
def root(request, tmp_path) -> str:
    """A place to keep things in; the second kind cannot rename."""
    return str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("s3")


@pytest.fixture
def folder(tmp_path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def shard(folder) -> ShardRef:
    return Store(folder).curated("cow", digest(RECIPE), 0)
