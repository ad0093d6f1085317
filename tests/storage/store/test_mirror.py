import logging

import pytest

from storage.store import files, mirror
from storage.store.errors import CorruptArtifact, MissingArtifact


def whole(data: bytes) -> bytes:
    if data != b"a cow":
        raise CorruptArtifact("list", f"is {data!r}", "mend it")
    return data


@pytest.fixture
def pair(folder) -> tuple[str, str]:
    mirror.write(f"{folder}/list", f"{folder}/copies/list", b"a cow")
    return f"{folder}/list", f"{folder}/copies/list"


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", [lambda url: files.put(url, b"a c0w"), files.remove])
def test_one_damaged_file_is_read_from_the_other_told_and_made_anew(pair, caplog, place, damage) -> None:
    damage(pair[place])
    with caplog.at_level(logging.WARNING):
        assert mirror.read(*pair, whole) == b"a cow"
    assert len(caplog.messages) == (place == 0)
    assert all("its copy answers; type `farm3d verify --repair`" in message for message in caplog.messages)
    assert mirror.damage(*pair, whole).keys() == {pair[place]}
    assert mirror.mend(*pair, whole) and mirror.damage(*pair, whole) == {}
    assert files.get(pair[place]) == b"a cow"


def test_two_damaged_files_are_an_error_and_are_left_as_they_are(pair) -> None:
    for url in pair:
        files.put(url, b"a c0w")
    with pytest.raises(CorruptArtifact, match="is b'a c0w'"):
        mirror.read(*pair, whole)
    assert not mirror.mend(*pair, whole) and files.get(pair[0]) == files.get(pair[1]) == b"a c0w"


def test_what_was_never_written_is_missing(folder) -> None:
    with pytest.raises(MissingArtifact):
        mirror.read(f"{folder}/list", f"{folder}/copies/list", whole)


def test_what_is_there_is_not_written_again_and_what_is_damaged_is(pair, monkeypatch) -> None:
    files.put(pair[1], b"a c0w")
    written, put = [], files.put
    monkeypatch.setattr(files, "put", lambda url, data: written.append(url) or put(url, data))
    mirror.write(*pair, b"a cow")
    assert written == [pair[1]] and mirror.damage(*pair, whole) == {}
