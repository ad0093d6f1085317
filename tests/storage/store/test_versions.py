import pytest

from storage.store.errors import CorruptArtifact, OtherVersion
from storage.store.versions import VERSION, Versioned, parse


class Note(Versioned):
    text: str


def test_a_record_says_its_version_and_comes_back() -> None:
    data = Note(text="a cow").model_dump_json().encode()
    assert b'"version":%d' % VERSION in data
    assert parse(Note, data, "note.json", "write it again") == Note(text="a cow")


@pytest.mark.parametrize(("said", "version"), [(b"", "1"), (b'"version": 1, ', "1"), (b'"version": 99, ', "99")])
def test_another_version_is_refused_before_anything_else_is_looked_at(said, version) -> None:
    with pytest.raises(OtherVersion, match=f"note.json: was written in version {version} of the store; .*--root"):
        parse(Note, b"{" + said + b'"words": 1}', "note.json", "write it again")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"version": 2}', b'{"version": 2, "text": "a", "more": 1}'])
def test_what_is_torn_is_corrupt_and_says_the_remedy(data) -> None:
    with pytest.raises(CorruptArtifact, match="note.json: is no .*; write it again"):
        parse(Note, data, "note.json", "write it again")
