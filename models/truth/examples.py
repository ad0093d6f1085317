"""What a prediction is held against: a crop, and as much of the truth as is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor

from models.data.batch import Batch
from models.data.framing import Box
from models.geometry.mesh import Mesh
from models.rendering.types import Light


@dataclass(frozen=True)
class NovelView:
    """The same animal from another side."""

    yaw: float
    """Added to the camera's azimuth, in radians."""
    image: Float[Tensor, "size size 3"]
    """Black off the animal; cut by the crop rule."""
    mask: Float[Tensor, "size size"]


@dataclass(frozen=True)
class RelitView:
    """The same photo under another light, cut like the crop."""

    light: Light
    """A batch of one, in the camera frame."""
    image: Float[Tensor, "size size 3"]
    mask: Float[Tensor, "size size"]


@dataclass(frozen=True)
class PhotoCut:
    """The photo that a crop was cut from, as whoever cuts it out sees it."""

    photo: UInt8[ndarray, "height width 3"]
    box: Box
    """Where the crop lies in it."""


@dataclass(frozen=True)
class Example:
    """One crop. A truth that nobody knows is None or empty, and the metrics that need it leave the example out."""

    key: str
    crop: Batch
    """A batch of one."""
    mesh: Mesh | None = None
    """The posed animal in its own frame, y up, head at +z; a batch of one."""
    azimuth: float | None = None
    keypoints: Float[Tensor, "keypoints 2"] | None = None
    """Normalised device coordinates of the crop."""
    seen: Bool[Tensor, " keypoints"] | None = None
    turned: tuple[NovelView, ...] = ()
    relit: tuple[RelitView, ...] = ()
    source: PhotoCut | None = None
    input_mask: Float[Tensor, "1 size size"] | None = None
    """The mask that a method is shown: a segmenter's, where the crop has the true one."""


def join_examples(examples: Sequence[Example]) -> Batch:
    """The crops of several examples as one batch, without features, under the masks that a method is shown."""
    crops = [example.crop for example in examples]
    image, valid, view, index = (
        torch.cat([getattr(crop, name) for crop in crops]) for name in ("image", "valid", "view", "index")
    )
    mask = torch.cat([example.crop.mask if example.input_mask is None else example.input_mask for example in examples])
    return Batch(image=image, mask=mask, valid=valid, features=None, view=view, index=index)


def split_batch(batch: Batch, keys: Sequence[str]) -> list[Example]:
    """One example per generated crop, with no truth but its mask and the view word of its prompt."""
    rows = [slice(row, row + 1) for row in range(len(batch))]
    return [
        Example(key, Batch(batch.image[at], batch.mask[at], batch.valid[at], None, batch.view[at], batch.index[at]))
        for key, at in zip(keys, rows, strict=True)
    ]
