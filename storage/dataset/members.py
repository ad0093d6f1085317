"""The members of a shard's tar, `<key>.{jpg, mask.png, feat.npy, json}`: encoded, found, decoded.

Nothing is ever unpacked to disk or decoded by its name alone: a tar may come from a stranger.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from tokenize import TokenError

import numpy as np
from PIL import Image

from storage.dataset.records import SampleRow
from storage.store.errors import CorruptArtifact, words

IMAGE, MASK, FEATURES, JSON = "jpg", "mask.png", "feat.npy", "json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\.(jpg|mask\.png|feat\.npy|json)")
LARGEST = 64 << 20
"""Bytes of one member; the largest we write is a 512 px photo of 0.3 MB or a feature map of 2 MB."""
PLACES = ("image_offset", "image_size", "mask_offset", "mask_size", "features_offset", "features_size")
Places = dict[str, tuple[int, int]]
"""Offset and size of every member, by its name."""
REMEDY = "do not use this file; put the shard in quarantine and make it again"


@dataclass(frozen=True)
class Sample:
    """One sample in memory: height x width arrays, and the row that says how they were made."""

    row: SampleRow
    image: np.ndarray | None = None
    """RGB uint8; None where a dropped sample is not stored."""
    mask: np.ndarray | None = None
    """Bool, true on the animal."""
    features: np.ndarray | None = None
    """Channels x rows x columns, float16."""
    view: int = -1
    """Place of the row's view word among the reader's words; -1 where it is none of them."""

    @property
    def valid(self) -> np.ndarray:
        """Height x width, true where the crop lies inside the photo."""
        row = self.row
        left, top, width, height = row.box or (0, 0, row.photo_width, row.photo_height)
        x = left + (np.arange(row.width) + 0.5) * width / row.width
        y = top + (np.arange(row.height) + 0.5) * height / row.height
        return ((y >= 0) & (y < row.photo_height))[:, None] & ((x >= 0) & (x < row.photo_width))


def encoded(sample: Sample) -> dict[str, bytes]:
    """The bytes of a sample by extension; none if it has no image."""
    if sample.image is None:
        return {}
    members = {
        IMAGE: _picture(sample.image, "JPEG", quality=95, subsampling=0),
        JSON: sample.row.model_dump_json(exclude=set(PLACES)).encode(),
    }
    if sample.mask is not None:
        members[MASK] = _picture(sample.mask.astype(bool), "PNG")
    if sample.features is not None:
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(sample.features, np.float16), allow_pickle=False)
        members[FEATURES] = buffer.getvalue()
    return members


class Tar:
    """Keys and their members as a tar that WebDataset reads: the same members, the same bytes.

    Going through it, once, makes it member by member, each digested while it is in the processor's cache.
    """

    def __init__(self, samples: Iterable[tuple[str, Mapping[str, bytes]]], where: str) -> None:
        """A tar that is going to lie at `where`."""
        self.samples, self.where = samples, where
        self.places, self.bytes = Places(), 0
        self.sha256 = sha256()

    def __iter__(self) -> Iterator[bytes]:
        """Its pieces. Raises ValueError at the first member that `places` would refuse to find."""
        for key, members in self.samples:
            for extension, data in sorted(members.items()):
                member = _member(f"{key}.{extension}", len(data))
                if wrong := _wrong(member, self.places):
                    raise ValueError(
                        f"{self.where}: member {member.name!r} {wrong}; give a sample that can be read again"
                    )
                self.places[member.name] = (self.bytes + tarfile.BLOCKSIZE, len(data))
                yield self._counted(member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE))
        end = 2 * tarfile.BLOCKSIZE
        yield self._counted(bytes(end + -(self.bytes + end) % tarfile.RECORDSIZE))

    def _counted(self, piece: bytes) -> bytes:
        self.sha256.update(piece)
        self.bytes += len(piece)
        return piece


def places(data: bytes, where: str) -> Places:
    """Offset and size of every member of a tar.

    Raises CorruptArtifact at the first member that is no plain file of a sample.
    """
    found = Places()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if wrong := _wrong(member, found):
                    raise CorruptArtifact(where, f"member {member.name!r} {wrong}", REMEDY)
                found[member.name] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise CorruptArtifact(where, f"is no whole tar ({words(error)})", REMEDY) from error
    return found


def decoded(row: SampleRow, members: dict[str, bytes], where: str) -> Sample:
    """The sample again, from its bytes by extension.

    Raises CorruptArtifact if they are not what the row says.
    """
    try:
        image = _pixels(members[IMAGE], "JPEG", "RGB", row)
        mask = _pixels(members[MASK], "PNG", "1", row) if MASK in members else None
        features = _array(members[FEATURES]) if FEATURES in members else None
    except (OSError, ValueError, SyntaxError, TokenError, MemoryError, Image.DecompressionBombError) as error:
        raise CorruptArtifact(where, f"sample {row.key} cannot be decoded ({words(error)})", REMEDY) from error
    return Sample(row, image, mask, features)


def _picture(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _pixels(data: bytes, kind: str, mode: str, row: SampleRow) -> np.ndarray:
    """Decoded only when the header has the size the row says, so that a bomb is refused unopened."""
    with Image.open(io.BytesIO(data), formats=[kind]) as picture:
        if picture.size != (row.width, row.height) or picture.mode != mode:
            found = f"{picture.mode} of {picture.width} x {picture.height}"
            raise ValueError(f"{kind} is {found}, not {mode} of {row.width} x {row.height}")
        return np.array(picture)


def _array(data: bytes) -> np.ndarray:
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype != np.float16 or array.ndim != 3:
        raise ValueError(f"features are {array.dtype} of shape {array.shape}, not float16 channels x rows x columns")
    return array


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A header that says nothing of who wrote it, and when."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, 0o444, "farm3d", "farm3d"
    return member


def _wrong(member: tarfile.TarInfo, earlier: Places) -> str | None:
    if not member.isreg() or member.issparse():
        return "is a link, a folder or a device, not a plain file"
    if not NAME.fullmatch(member.name):
        return "has another name than <key>.{jpg, mask.png, feat.npy, json} without folders"
    if member.size > LARGEST:
        return f"has {member.size} bytes, more than {LARGEST}"
    return "comes twice" if member.name in earlier else None
