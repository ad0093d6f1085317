"""A sample in memory and as the members of a tar: its two pictures, its row, and any other columns as they come."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from storage.dataset.records import SampleRow
from storage.store.errors import REMEDY, CorruptArtifact, words

IMAGE, MASK, JSON = "jpg", "mask.png", "json"


@dataclass(frozen=True)
class Sample:
    """One sample in memory: its pictures, and the row that says how they were made."""

    row: SampleRow
    image: UInt8[np.ndarray, "height width 3"] | None = None
    """RGB; None where a dropped sample is not stored."""
    mask: Bool[np.ndarray, "height width"] | None = None
    """True on the animal."""
    columns: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Further members as they are stored, by extension: what a derived shard consists of."""

    @property
    def valid(self) -> Bool[np.ndarray, "height width"]:
        """True where the crop lies inside the photo."""
        row = self.row
        left, top, width, height = row.box or (0, 0, row.photo_width, row.photo_height)
        x = left + (np.arange(row.width) + 0.5) * width / row.width
        y = top + (np.arange(row.height) + 0.5) * height / row.height
        return ((y >= 0) & (y < row.photo_height))[:, None] & ((x >= 0) & (x < row.photo_width))


def encode_sample(sample: Sample) -> dict[str, bytes]:
    """The members of a sample by extension; those of an image come with a copy of its row."""
    members = dict(sample.columns)
    if sample.image is not None:
        members[IMAGE] = _encode_picture(sample.image, "JPEG", quality=95, subsampling=0)
        members[JSON] = sample.row.model_dump_json(exclude={"parts"}).encode()
        if sample.mask is not None:
            members[MASK] = _encode_picture(sample.mask.astype(bool), "PNG")
    return members


def decode_sample(row: SampleRow, members: Mapping[str, bytes], where: str) -> Sample:
    """The sample again, from its members by extension.

    Raises CorruptArtifact if its pictures are not what the row says.
    """
    try:
        image = _decode_picture(members[IMAGE], "JPEG", "RGB", row) if IMAGE in members else None
        mask = _decode_picture(members[MASK], "PNG", "1", row) if MASK in members else None
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise CorruptArtifact(where, f"sample {row.key} cannot be decoded ({words(error)})", REMEDY) from error
    columns = {name: data for name, data in members.items() if name not in (IMAGE, MASK, JSON)}
    return Sample(row, image, mask, columns)


def _encode_picture(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _decode_picture(data: bytes, kind: str, mode: str, row: SampleRow) -> np.ndarray:
    """Decoded only when the header has the size the row says, so that a bomb is refused unopened."""
    with Image.open(io.BytesIO(data), formats=[kind]) as picture:
        if picture.size != (row.width, row.height) or picture.mode != mode:
            actual = f"{picture.mode} of {picture.width} x {picture.height}"
            raise ValueError(f"{kind} is {actual}, not {mode} of {row.width} x {row.height}")
        return np.array(picture)
