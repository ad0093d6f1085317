import io
import pickle
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import webdataset
from PIL import Image
from webdataset.writer import TarWriter

from storage.dataset.members import LARGEST, Tar, decoded, encoded, places
from storage.store.errors import CorruptArtifact
from tests.storage.material import row, sample


def read(tar: bytes, key: str) -> dict[str, bytes]:
    return {
        name.partition(".")[2]: tar[at : at + size] for name, (at, size) in places(tar, "a.tar").items() if key in name
    }


def members(count: int) -> list[tuple[str, dict[str, bytes]]]:
    return [(each.row.key, encoded(each)) for each in map(sample, range(count))]


def packed(samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> tuple[bytes, Tar]:
    tar = Tar(samples, "a.tar")
    return b"".join(tar), tar


def stored(seed: int = 1):
    made = sample(seed)
    return replace(made, row=made.row.model_copy(update={"width": 16, "height": 16}))


def test_a_sample_comes_back() -> None:
    made = stored()
    tar, _ = packed([(made.row.key, encoded(made))])
    again = decoded(made.row, read(tar, made.row.key), "a.tar")
    assert np.array_equal(again.mask, made.mask)
    assert again.mask.dtype == bool
    assert np.array_equal(again.features, made.features)
    assert again.features.dtype == np.float16
    assert np.abs(again.image.astype(int) - made.image).max() <= 3
    assert again.image.dtype == np.uint8


def test_a_sample_may_have_no_mask_and_no_features() -> None:
    made = replace(stored(), mask=None, features=None)
    again = decoded(made.row, encoded(made), "a.tar")
    assert again.mask is None
    assert again.features is None
    assert encoded(replace(made, image=None)) == {}


def test_the_image_keeps_all_its_colour_and_the_mask_takes_one_bit() -> None:
    parts = encoded(stored())
    with Image.open(io.BytesIO(parts["jpg"])) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    with Image.open(io.BytesIO(parts["mask.png"])) as mask:
        assert mask.mode == "1"


def test_the_same_samples_are_the_same_bytes() -> None:
    tars = {packed(members(3))[0] for _ in range(2)}
    assert len(tars) == 1


@pytest.mark.parametrize("count", [0, 1, 7])
def test_it_is_the_tar_that_webdataset_writes_and_members_are_read_where_they_were_written(count) -> None:
    written = io.BytesIO()
    with TarWriter(written, encoder=False, mtime=0, user="farm3d", group="farm3d") as writer:
        for key, parts in members(count):
            writer.write({"__key__": key, **parts})
    tar, told = packed(members(count))
    assert tar == written.getvalue()
    assert told.places == places(tar, "a.tar")
    assert len(told.places) == 4 * count
    assert (told.bytes, told.sha256.hexdigest()) == (len(tar), sha256(tar).hexdigest())


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ([("cow-1", {"jpg": bytes(LARGEST + 1)})], f"'cow-1.jpg' has {LARGEST + 1} bytes, more than {LARGEST}"),
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
    found = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [each["__key__"] for each in found] == [each.row.key for each in made]
    assert {"jpg", "mask.png", "feat.npy", "json"} <= set(found[0])


def test_the_valid_part_of_a_crop_is_what_lies_in_the_photo() -> None:
    # 8 px of a 32 px photo are shown as 16; 2 of them, so 4 of the crop, lie left of the photo, 3 above it
    made = replace(stored(), row=row(0, box=(-2, -3, 8, 8), width=16, height=16))
    assert not made.valid[:, :4].any()
    assert not made.valid[:6].any()
    assert made.valid[6:, 4:].all()
    whole = replace(made, row=row(0, box=None, width=16, height=16))
    assert whole.valid.all()
    assert not replace(made, row=row(0, box=(24, 24, 16, 16), width=16, height=16)).valid[8:, :].any()


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
        (evil("cow-1.jpg"), "'cow-1.jpg' comes twice"),
        (b"no tar at all" * 100, "is no whole tar"),
        (b"", "is no whole tar"),
    ],
)
def test_a_member_that_is_no_part_of_a_sample_is_refused(tar, complaint) -> None:
    with pytest.raises(CorruptArtifact, match=f"a.tar: .*{complaint}.*; do not use this file"):
        places(tar, "a.tar")


def test_a_member_too_large_is_refused_by_its_header() -> None:
    member = tarfile.TarInfo("cow-1.jpg")
    member.size = LARGEST + 1
    with pytest.raises(CorruptArtifact, match=f"has {LARGEST + 1} bytes, more than {LARGEST}"):
        places(member.tobuf(tarfile.USTAR_FORMAT), "a.tar")


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        ("jpg", b""),
        ("jpg", encoded(stored())["jpg"][:200]),
        ("jpg", encoded(stored())["mask.png"]),
        ("mask.png", encoded(stored())["jpg"]),
        ("mask.png", encoded(stored())["mask.png"][:40]),
        ("feat.npy", npy(np.array([{"a": print}], dtype=object))),
        ("feat.npy", npy(np.zeros((1, 2, 2)))),
        ("feat.npy", npy(np.zeros((1, 2, 2), np.float16)).replace(b"(1, 2, 2), }", b"(1, 2, 2, } ")),
        ("feat.npy", npy(np.zeros((1, 2, 2), np.float16)).replace(b"(1, 2, 2), }      ", b"(9, 99999, 999), }")),
        ("feat.npy", pickle.dumps(np.zeros((1, 2, 2), np.float16))),
    ],
)
def test_a_member_that_is_not_what_its_name_says_is_refused(extension, data) -> None:
    made = stored()
    with pytest.raises(CorruptArtifact, match=f"a.tar: sample {made.row.key} cannot be decoded"):
        decoded(made.row, encoded(made) | {extension: data}, "a.tar")


def test_an_image_of_another_size_is_refused_before_it_is_decoded() -> None:
    made = stored()
    wide = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(wide, "JPEG")
    with pytest.raises(CorruptArtifact, match="JPEG is RGB of 4000 x 4000, not RGB of 16 x 16"):
        decoded(made.row, encoded(made) | {"jpg": wide.getvalue()}, "a.tar")
