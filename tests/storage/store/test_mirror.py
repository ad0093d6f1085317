import logging

import pytest

from storage.store import files
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.mirror import Mirrored


def whole(data: bytes) -> bytes:
    if data != b"a cow":
        raise CorruptArtifact("list", f"is {data!r}", "mend it")
    return data


@pytest.fixture
def pair(folder) -> Mirrored[bytes]:
    stored = Mirrored(f"{folder}/list", f"{folder}/copies/list", whole)
    stored.write(b"a cow")
    return stored


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", [lambda url: files.put(url, b"a c0w"), files.remove])
def test_one_damaged_file_is_read_from_the_other_told_and_made_anew(pair, caplog, place, damage) -> None:
    damage(pair.urls[place])
    with caplog.at_level(logging.WARNING):
        assert pair.read() == b"a cow"
    assert len(caplog.messages) == (place == 0)
    assert all("its copy answers; type `farm3d verify --repair`" in message for message in caplog.messages)
    assert pair.damage().keys() == {pair.urls[place]}
    assert pair.mend() and pair.damage() == {}
    assert files.get(pair.urls[place]) == b"a cow"


def test_two_damaged_files_are_an_error_and_are_left_as_they_are(pair) -> None:
    for url in pair.urls:
        files.put(url, b"a c0w")
    with pytest.raises(CorruptArtifact, match="is b'a c0w'"):
        pair.read()
    assert not pair.mend() and files.get(pair.urls[0]) == files.get(pair.urls[1]) == b"a c0w"


def test_what_was_never_written_is_missing(folder) -> None:
    with pytest.raises(MissingArtifact):
        Mirrored(f"{folder}/list", f"{folder}/copies/list", whole).read()


def test_what_is_there_is_not_written_again_and_what_is_damaged_is(pair, monkeypatch) -> None:
    files.put(pair.urls[1], b"a c0w")
    written, put = [], files.put
    monkeypatch.setattr(files, "put", lambda url, data: written.append(url) or put(url, data))
    pair.write(b"a cow")
    assert written == [pair.urls[1]] and pair.damage() == {}
