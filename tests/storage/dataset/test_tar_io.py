import io
import pickle
import tarfile
from collections.abc import Iterable, Mapping
from hashlib import sha256

import pytest
import webdataset
from webdataset.writer import TarWriter

from storage.dataset.encoding import encode_sample
from storage.dataset.tar_io import LARGEST, TarStream, member_positions
from storage.store.errors import CorruptArtifact
from tests.storage.material import sample

EXTENSIONS = ("jpg", "json", "mask.png")


def members(count: int) -> list[tuple[str, dict[str, bytes]]]:
    return [(made.row.key, encode_sample(made)) for made in map(sample, range(count))]


def packed(samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> tuple[bytes, TarStream]:
    tar = TarStream(samples, "a.tar")
    return b"".join(tar), tar


def test_the_same_samples_are_the_same_bytes() -> None:
    tars = {packed(members(3))[0] for _ in range(2)}
    tars.add(packed([(key, dict(reversed(parts.items()))) for key, parts in members(3)])[0])
    assert len(tars) == 1


@pytest.mark.parametrize("count", [0, 1, 7])
def test_it_is_the_tar_that_webdataset_writes_and_members_are_read_where_they_were_written(count) -> None:
    written = io.BytesIO()
    with TarWriter(written, encoder=False, mtime=0, user="farm3d", group="farm3d") as writer:
        for key, parts in members(count):
            writer.write({"__key__": key, **parts})
    tar, stream = packed(members(count))
    assert tar == written.getvalue()
    assert stream.positions == member_positions(tar, EXTENSIONS, "a.tar")
    assert len(stream.positions) == 3 * count
    assert stream.extensions == (set(EXTENSIONS) if count else set())
    assert (stream.size, stream.sha256.hexdigest()) == (len(tar), sha256(tar).hexdigest())


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ([("cow-1", {"jpg": bytes(LARGEST + 1)})], f"'cow-1.jpg' has {LARGEST + 1} bytes, not 0 to {LARGEST}"),
        ([("../cow-1", {"jpg": b""})], "'../cow-1.jpg' has another name"),
        ([("cow-1", {"jpg": b""}), ("cow-1", {"jpg": b""})], "'cow-1.jpg' comes twice"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(samples, complaint) -> None:
    with pytest.raises(ValueError, match=f"a.tar: member {complaint}.*; give a sample that can be read again"):
        packed(samples)


def test_webdataset_reads_it(tmp_path) -> None:
    made = [sample(seed) for seed in range(3)]
    (tmp_path / "a.tar").write_bytes(packed(members(3))[0])
    read = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [members["__key__"] for members in read] == [one.row.key for one in made]
    assert set(EXTENSIONS) <= set(read[0])


def evil(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key in ("cow-1.jpg", name):
            member = tarfile.TarInfo(key)
            member.type, member.linkname = (kind, target) if key == name else (tarfile.REGTYPE, "")
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("tar", "complaint"),
    [
        (evil("cow-2.jpg", kind=tarfile.SYMTYPE, target="/etc/passwd"), "cow-2.jpg' is a link"),
        (evil("cow-2.jpg", kind=tarfile.LNKTYPE, target="cow-1.jpg"), "cow-2.jpg' is a link"),
        (evil("cow-2.jpg", kind=tarfile.FIFOTYPE), "a device"),
        (evil("cow-2", kind=tarfile.DIRTYPE), "a folder"),
        (evil("/etc/cow-2.jpg"), "'/etc/cow-2.jpg' has another name"),
        (evil("../cow-2.jpg"), "'../cow-2.jpg' has another name"),
        (evil("a/cow-2.jpg"), "without folders"),
        (evil("cow-2.pkl", pickle.dumps(1)), "'cow-2.pkl' has another name"),
        (evil("cow-2.pth"), "another name"),
        (evil("cow-2.jpg.pyd"), "another name"),
        (evil("cow-2.cam.npz"), r"'cow-2.cam.npz' has another name than <key>.{jpg, json, mask.png} without"),
        (evil("cow-1.jpg"), "'cow-1.jpg' comes twice"),
        (b"no tar at all" * 100, "is no whole tar"),
        (b"", "is no whole tar"),
    ],
)
def test_a_member_that_is_no_part_of_a_sample_is_refused(tar, complaint) -> None:
    with pytest.raises(CorruptArtifact, match=f"a.tar: .*{complaint}.*; type `farm3d verify"):
        member_positions(tar, EXTENSIONS, "a.tar")


def test_a_member_too_large_is_refused_by_its_header() -> None:
    member = tarfile.TarInfo("cow-1.jpg")
    member.size = LARGEST + 1
    with pytest.raises(CorruptArtifact, match=f"has {LARGEST + 1} bytes, not 0 to {LARGEST}"):
        member_positions(member.tobuf(tarfile.USTAR_FORMAT), EXTENSIONS, "a.tar")


def test_what_a_manifest_declares_is_a_member() -> None:
    assert set(member_positions(evil("cow-2.cam.npz"), ("jpg", "cam.npz"), "a.tar")) == {"cow-1.jpg", "cow-2.cam.npz"}
