import os
from hashlib import sha256
from pathlib import Path

import pytest

from storage.store import cache, files
from storage.store.errors import CorruptArtifact

OLD, NEW = b"old" * 5000, b"new" * 7000


def key(data: bytes) -> str:
    return sha256(data).hexdigest()


def kept(tmp_path) -> set[str]:
    return set(os.listdir(tmp_path / "cache" / "farm3d"))


def test_a_local_file_is_read_where_it_lies(folder, tmp_path) -> None:
    files.put(f"{folder}/a.bin", OLD)
    assert cache.read(f"{folder}/a.bin", key(OLD)) == OLD
    with cache.open_copy(f"{folder}/a.bin", key(OLD)) as file:
        assert file.name == f"{folder}/a.bin"


def test_a_remote_file_is_copied_once_and_only_if_it_is_the_right_one(s3, tmp_path) -> None:
    url = f"{s3}/a.bin"
    files.put(url, OLD)
    assert cache.read(url, key(OLD)) == OLD
    files.put(url, NEW)
    assert cache.read(url, key(OLD)) == OLD
    with pytest.raises(CorruptArtifact, match=r"a\.bin: has sha256 [0-9a-f]{16}, not 000000"):
        cache.read(url, "0" * 64)
    assert kept(tmp_path) == {key(OLD)}


def test_an_empty_variable_names_no_folder(monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache._folder() == Path.home() / ".cache" / "farm3d"


def test_a_torn_copy_is_fetched_again(s3, tmp_path) -> None:
    files.put(f"{s3}/a.bin", OLD)
    cache.read(f"{s3}/a.bin", key(OLD))
    (tmp_path / "cache" / "farm3d" / key(OLD)).write_bytes(OLD[:-1])
    assert cache.read(f"{s3}/a.bin", key(OLD)) == OLD


def test_the_longest_unused_copies_go_and_come_back_when_they_are_read(s3, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(cache.LIMIT, str(2.5 * 10_000 / 2**30))
    datas = [bytes([letter]) * 10_000 for letter in b"abc"]
    a, b, c = [(f"{s3}/{number}.bin", key(data)) for number, data in enumerate(datas)]
    for (url, _), data in zip((a, b, c), datas, strict=True):
        files.put(url, data)
    cache.read(*a)
    cache.read(*b)
    assert kept(tmp_path) == {a[1], b[1]}
    with cache.open_copy(*b) as file:
        cache.read(*a)
        cache.read(*c)
        assert kept(tmp_path) == {a[1], c[1]}
        assert file.read() == datas[1], "what is open stays"
    with cache.open_copy(*b) as file:
        assert file.read() == datas[1]
    assert kept(tmp_path) == {b[1], c[1]}


def test_a_limit_that_is_no_number_is_told_before_anything_is_copied(s3, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(cache.LIMIT, "20GB")
    files.put(f"{s3}/a.bin", OLD)
    with pytest.raises(ValueError, match="FARM3D_CACHE_GIB is '20GB'; give a number of GiB, such as 20"):
        cache.read(f"{s3}/a.bin", key(OLD))
    assert not (tmp_path / "cache" / "farm3d").exists()


def test_what_is_larger_than_the_room_is_kept_alone(s3, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(cache.LIMIT, "0")
    for data in (OLD, NEW):
        files.put(f"{s3}/a.bin", data)
        assert cache.read(f"{s3}/a.bin", key(data)) == data
    assert kept(tmp_path) == {key(NEW)}
