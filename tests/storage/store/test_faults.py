import pytest

from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact
from storage.store.faults import find_bundle_faults, leftover, mirror_faults
from storage.store.mirror import Mirrored
from storage.store.references import Record


def test_a_whole_bundle_and_an_empty_folder_have_no_fault(folder) -> None:
    assert list(find_bundle_faults(folder)) == []
    bundles.commit(folder, {"cow.glb": b"glTF", "views/front.png": b"png"}, Record())
    assert list(find_bundle_faults(folder)) == []


def test_every_damaged_file_of_a_bundle_is_named_and_the_next_run_makes_it_again(folder) -> None:
    bundles.commit(folder, {"cow.glb": b"glTF", "views/front.png": b"png", "report.html": b"<html>"}, Record())
    files.put(layout.member(folder, "cow.glb"), b"glTf")
    files.remove(layout.member(folder, "views/front.png"))
    first, second = find_bundle_faults(folder)
    assert (first.where, second.where) == (f"{folder}/cow.glb", f"{folder}/views/front.png")
    assert "has sha256" in first.what and second.what == "is gone; the next run makes it again"
    assert first.mend is second.mend is None


def test_a_bundle_without_its_manifest_is_named_unless_nothing_else_than_its_workings_lies_there(folder) -> None:
    files.put(layout.member(folder, "metrics.jsonl"), b"")
    assert list(find_bundle_faults(folder, apart=("metrics.jsonl",))) == []
    (fault,) = find_bundle_faults(folder)
    assert fault.where == layout.bundle(folder) and "is gone, or was never written" in fault.what
    files.put(layout.bundle(folder), b"{")
    (fault,) = find_bundle_faults(folder)
    assert "is no JSON object" in fault.what


def test_a_leftover_is_deleted_by_a_repair(folder) -> None:
    files.put(f"{folder}/half.tar", b"half")
    assert leftover(f"{folder}/half.tar", "was never committed").mend() == "deleted"
    assert files.size(f"{folder}/half.tar") is None


@pytest.mark.parametrize(("damaged", "left", "mended"), [(1, "--repair", "made anew"), (2, "by hand", "")])
def test_a_copy_mends_a_file_and_nothing_says_so_where_both_are_damaged(folder, damaged, left, mended) -> None:
    def parse(data: bytes) -> bytes:
        if data != b"a cow":
            raise CorruptArtifact("list", "is no cow", "mend it")
        return data

    stored = Mirrored(f"{folder}/list", f"{folder}/copies/list", parse)
    stored.write(b"a cow")
    for url in stored.urls[:damaged]:
        files.put(url, b"a c0w")
    faults = list(mirror_faults(stored, "by hand"))
    assert [fault.where for fault in faults] == [*stored.urls[:damaged]]
    assert all(left in fault.what for fault in faults)
    assert faults[0].mend().removesuffix(" from its copy") == mended
