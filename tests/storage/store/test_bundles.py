from threading import Thread

import pytest

from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, OtherVersion
from storage.store.locks import hold_lock
from storage.store.references import Record
from tests.storage.deaths import killed_at

FIRST = {"cow.glb": b"glTF first", "report.html": b"<html>"}
NOTHING = Record()
SECOND = {"cow.glb": b"glTF again", "views/front.png": b"png"}


class About(Record):
    category: str


def test_a_folder_counts_once_its_manifest_is_there(root) -> None:
    folder = f"{root}/release"
    assert bundles.find_committed(folder) is None
    made = bundles.commit(folder, FIRST, About(category="cow"))
    assert bundles.find_committed(folder) == made
    assert bundles.read_about(folder, About) == About(category="cow")
    assert bundles.read(folder, "cow.glb") == b"glTF first"


def test_a_new_bundle_takes_the_place_of_the_old_one(root) -> None:
    folder = f"{root}/release"
    bundles.commit(folder, FIRST, NOTHING)
    bundles.commit(folder, SECOND, NOTHING)
    assert set(bundles.find_committed(folder).files) == set(SECOND)
    assert files.names(folder) == ["cow.glb", "manifest.json", "views"]
    with pytest.raises(MissingArtifact, match=r"report\.html: is not committed; type `farm3d verify"):
        bundles.read(folder, "report.html")


def test_a_commit_killed_anywhere_is_never_half_of_two(folder) -> None:
    step, whole = 0, [bundles.commit(folder, each, NOTHING) for each in (SECOND, FIRST)]
    while killed_at(step, lambda: bundles.commit(folder, SECOND, NOTHING)):
        found = bundles.find_committed(folder)
        assert found is None or found in whole
        for name in found.files if found else ():
            assert bundles.read(folder, name) == (SECOND if found == whole[0] else FIRST)[name]
        bundles.commit(folder, FIRST, NOTHING)
        step += 1
    assert bundles.find_committed(folder) == whole[0]
    assert step > 8


def test_a_changed_file_is_refused(root) -> None:
    folder = f"{root}/release"
    bundles.commit(folder, FIRST, NOTHING)
    files.put(layout.member(folder, "cow.glb"), b"glTF f1rst")
    with pytest.raises(
        CorruptArtifact, match=r"cow\.glb: has sha256 [0-9a-f]{16}, its manifest says [0-9a-f]{16}; type `farm3d verify"
    ):
        bundles.read(folder, "cow.glb")
    files.put(layout.member(folder, "cow.glb"), b"short")
    assert bundles.find_committed(folder) is None


def test_a_changed_file_is_seen_by_whoever_can_make_it_again(root) -> None:
    folder = f"{root}/release"
    assert bundles.find_intact(folder) is None
    made = bundles.commit(folder, FIRST, NOTHING)
    assert bundles.find_intact(folder) == made and bundles.damaged_files(folder, made) == {}
    files.put(layout.member(folder, "cow.glb"), b"glTF f1rst")
    assert bundles.find_committed(folder) == made and bundles.find_intact(folder) is None
    assert bundles.damaged_files(folder, made).keys() == {"cow.glb"}
    assert bundles.commit(folder, FIRST, NOTHING) == made == bundles.find_intact(folder)


def test_what_is_there_already_is_not_written_again_and_never_stops_counting(folder, monkeypatch) -> None:
    bundles.commit(folder, FIRST, About(category="cow"))
    touched, put, remove = [], files.put, files.remove
    monkeypatch.setattr(files, "put", lambda url, data: touched.append(url) or put(url, data))
    monkeypatch.setattr(files, "remove", lambda url: touched.append(url) or remove(url))
    bundles.commit(folder, FIRST, About(category="cow"))
    assert touched == []
    bundles.commit(folder, FIRST, About(category="horse"))
    bundles.amend(folder, About(category="sheep"))
    assert touched == [layout.bundle(folder)] * 2 and bundles.read_about(folder, About) == About(category="sheep")


def test_whoever_asks_while_a_bundle_is_replaced_waits_for_the_new_one(folder) -> None:
    bundles.commit(folder, FIRST, NOTHING)
    answers: list[object] = []
    asking = Thread(target=lambda: answers.append(bundles.find_committed(folder)))
    with hold_lock(layout.bundle(folder)):
        manifest = files.get(layout.bundle(folder))
        files.remove(layout.bundle(folder))
        asking.start()
        asking.join(0.2)
        assert answers == []
        files.put(layout.bundle(folder), manifest)
    asking.join(10)
    assert answers == [bundles.find_committed(folder)] and answers[0] is not None


@pytest.mark.parametrize("name", ["../cow.glb", "/cow.glb", "a//b", "", "manifest.json", ".hidden", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(folder, name) -> None:
    with pytest.raises(ValueError, match="is no name for a file in a bundle"):
        bundles.commit(folder, {name: b""}, NOTHING)


def test_what_it_is_about_is_known_after_a_file_was_lost_and_has_one_type(root) -> None:
    folder = f"{root}/release"
    assert bundles.read_about(folder, About) is None
    bundles.commit(folder, FIRST, About(category="cow"))
    files.remove(layout.member(folder, "cow.glb"))
    assert bundles.find_committed(folder) is None and bundles.read_about(folder, About) == About(category="cow")
    with pytest.raises(CorruptArtifact, match=r"manifest.json: is about no Record \(category: .*; type `farm3d verify"):
        bundles.read_about(folder, Record)


def test_a_bundle_of_another_version_is_refused_and_not_made_again(folder) -> None:
    files.put(layout.bundle(folder), b'{"about": {}, "files": {}}')
    for ask in (bundles.find_committed, bundles.manifest, lambda it: bundles.commit(it, FIRST, NOTHING)):
        with pytest.raises(OtherVersion, match="manifest.json: was written in version 1"):
            ask(folder)
