"""Columns of a data set: what is stored of a sample under its key, each with a name, an extension, a codec and shapes.

The picture and its mask are stored by the data set itself. All other columns are derived: they hold what a model
answered for a crop, in a compressed npz without pickle, one array a field. They come back as `PseudoTruth`.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Generic, NoReturn, TypeVar, cast

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int32, UInt8, jaxtyped
from numpy import ndarray

LARGEST = 256 << 20
"""Bytes of one sample's column when it is decompressed."""


@dataclass(frozen=True)
class Content:
    """The arrays of one sample in one column."""


@dataclass(frozen=True)
class CameraColumn(Content):
    """The pinhole camera of the crop."""

    T_camera_world: Float32[ndarray, "4 4"]
    fov: Float32[ndarray, ""]
    """Angle between the top and the bottom of the picture, in radians."""


@dataclass(frozen=True)
class MeshColumn(Content):
    """The surface, in the object frame."""

    vertices: Float32[ndarray, "vertices 3"]
    """In the pose of the photo."""
    rest: Float32[ndarray, "vertices 3"]
    """Before articulation; the same as `vertices` where nothing is articulated."""
    faces: Int32[ndarray, "faces 3"]


@dataclass(frozen=True)
class ArticulationColumn(Content):
    """The bones that carry the surface of `MeshColumn.rest`."""

    angles: Float32[ndarray, "bones 3"]
    """Radians, about the axes of each bone's rest frame."""
    ends: Float32[ndarray, "bones 2 3"]
    """Inner and outer joint at rest, in the object frame."""
    weights: Float32[ndarray, "vertices bones"]
    """How much each bone carries each vertex; they sum to 1."""


@dataclass(frozen=True)
class ViewsColumn(Content):
    """The animal from other cameras, on black."""

    rgb: UInt8[ndarray, "views size size 3"]
    albedo: UInt8[ndarray, "views size size 3"]
    """The same without light."""
    mask: Bool[ndarray, "views size size"]
    depth: Float16[ndarray, "views size size"]
    """Distance along the camera's axis; 0 on the background."""
    normal: Float16[ndarray, "views size size 3"]
    """Unit normals in the camera frame."""
    T_camera_world: Float32[ndarray, "views 4 4"]
    fov: Float32[ndarray, ""]
    """Angle between the top and the bottom of the picture, in radians."""


@dataclass(frozen=True)
class KeypointColumn(Content):
    """Points that sit on the same part of every surface, in the crop."""

    points: Float32[ndarray, "points 2"]
    """Normalised device coordinates: x right, y down, [-1, 1] inside the crop."""
    visible: Bool[ndarray, " points"]
    vertex: Int32[ndarray, " points"]
    """The vertex of `MeshColumn` that each point is."""


Kind = TypeVar("Kind", bound=Content)
KindOut = TypeVar("KindOut", bound=Content, covariant=True)


@dataclass(frozen=True)
class PseudoTruth(Generic[KindOut]):
    """What a model answered, with that model's errors. No array, and nothing that a metric takes for the truth."""

    estimate: KindOut
    """To be read by who knows that it is one."""
    model: str
    """Digest of the weights of the model that answered."""

    def __array__(self, *_: object, **__: object) -> NoReturn:
        """Raises TypeError: numpy would make an array of it without a word."""
        raise TypeError(f"pseudo-truth of model {self.model[:16]} is no truth to measure by; learn from its `estimate`")


@dataclass(frozen=True)
class Column:
    """What is stored of a sample under this name; the data set itself reads and writes it."""

    name: str
    extension: str


@dataclass(frozen=True)
class DerivedColumn(Column, Generic[Kind]):
    """What a model answered for a crop."""

    kind: type[Kind]
    """A dataclass of arrays, which says their types and shapes."""

    def encode(self, content: Kind) -> bytes:
        """The same arrays, the same bytes.

        Raises ValueError if an array has another type or shape than it should.
        """
        arrays = {field.name: np.array(getattr(content, field.name), order="C") for field in fields(self.kind)}
        self._check(arrays)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    def decode(self, data: bytes, model: str) -> PseudoTruth[Kind]:
        """What the model with these weights answered.

        Raises ValueError if the file is torn, too large, or has other arrays.
        """
        names = sorted(field.name for field in fields(self.kind))
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
                held = sorted(entry.filename.removesuffix(".npy") for entry in archive.infolist())
            if size > LARGEST or held != names:
                raise ValueError(f"has {size} bytes in {held}, not at most {LARGEST} in {names}")
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in names}
        except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, SyntaxError, MemoryError) as error:
            raise ValueError(f"column {self.name}: cannot be decoded ({error}); derive it again") from error
        self._check(arrays)
        return PseudoTruth(self.kind(**arrays), model)

    def _check(self, arrays: Mapping[str, ndarray]) -> None:
        """Types and shapes, and that axes of one name are equally long."""
        with jaxtyped("context"):
            for field in fields(self.kind):
                array = arrays[field.name]
                if not isinstance(array, cast(type, field.type)):
                    actual = f"{array.dtype} of shape {array.shape}"
                    wanted = getattr(field.type, "__name__", field.type)
                    raise ValueError(f"column {self.name}: {field.name} is {actual}; it has to be {wanted}")


IMAGE = Column("image", "jpg")
MASK = Column("mask", "mask.png")
CAMERA = DerivedColumn("cam", "cam.npz", CameraColumn)
MESH = DerivedColumn("mesh", "mesh.npz", MeshColumn)
ARTICULATION = DerivedColumn("arti", "arti.npz", ArticulationColumn)
VIEWS = DerivedColumn("views", "nv.npz", ViewsColumn)
KEYPOINTS = DerivedColumn("kp", "kp.npz", KeypointColumn)

COLUMNS: dict[str, Column] = {
    column.name: column for column in (IMAGE, MASK, CAMERA, MESH, ARTICULATION, VIEWS, KEYPOINTS)
}
"""All columns by their names. A new one is a dataclass and a line here.

Where the arrays of one change, its extension does, too: shards that were derived before are then none of its.
"""


def derived_extensions(names: Sequence[str]) -> tuple[str, ...]:
    """The extensions of the derived ones among these columns, sorted: what a derived shard holds.

    Raises ValueError for a column that nobody knows.
    """
    for name in names:
        if name not in COLUMNS:
            raise ValueError(f"column {name!r} is unknown; choose among {', '.join(COLUMNS)}, or add it in {__name__}")
    chosen = (COLUMNS[name] for name in names)
    return tuple(sorted({column.extension for column in chosen if isinstance(column, DerivedColumn)}))
