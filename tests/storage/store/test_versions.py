import pytest

from storage.store.errors import CorruptArtifact, OtherVersion
from storage.store.versions import VERSION, Versioned, encode, parse


class Note(Versioned):
    text: str


DATA = encode(Note(text="a cow"))


def read(data: bytes) -> Note:
    return parse(Note, data, "note.json", "write it again")


def test_a_record_says_its_version_and_comes_back() -> None:
    assert b'"version": %d' % VERSION in DATA and read(DATA) == Note(text="a cow")


@pytest.mark.parametrize(("said", "version"), [(b"", "1"), (b'"version": 2, ', "2"), (b'"version": 99, ', "99")])
def test_another_version_is_refused_before_anything_else_is_looked_at(said, version) -> None:
    with pytest.raises(OtherVersion, match=f"note.json: was written in version {version} of the store; .*--root"):
        read(b"{" + said + b'"words": 1}')


@pytest.mark.parametrize("place", range(len(DATA)))
def test_no_byte_can_change_and_none_can_go(place) -> None:
    """Not even the version's: it is told as damage, for another version would be left as it is for ever."""
    flipped = DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]
    for data in (flipped, DATA[:place]):
        with pytest.raises(CorruptArtifact, match="note.json: .*; write it again"):
            read(data)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"version": 3}', b'{"version": 3, "text": "a cow"}'])
def test_what_is_torn_or_has_no_digest_is_corrupt(data) -> None:
    with pytest.raises(CorruptArtifact, match="note.json: (is no|does not end with its sha256).*; write it again"):
        read(data)


def test_another_record_with_its_digest_is_no_note() -> None:
    class Other(Versioned):
        words: int = 1

    with pytest.raises(CorruptArtifact, match=r"note.json: is no Note \(text: Field required\); write it again"):
        read(encode(Other()))
