"""The training set in memory, at training resolution, and the order in which it is seen."""

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import interpolate

from models.data.batch import Batch
from models.data.ground_truth import Truth
from models.data.parts import WHOLE, Part, PartGenerator

logger = logging.getLogger(__name__)

HeadDirections = Callable[
    [
        Float[Tensor, "count channels rows columns"],
        Bool[Tensor, "count size size"],
        Int[Tensor, " count"],
    ],
    Float[Tensor, " count"],
]
"""Feature maps, masks and view words to 1 where the head is to the right, -1 to the left, 0 where nobody can tell."""


@runtime_checkable
class Sample(Protocol):
    """One crop as it is stored."""

    @property
    def image(self) -> UInt8[np.ndarray, "height width 3"]:
        """RGB."""
        ...

    @property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """True on the animal."""
        ...

    @property
    def valid(self) -> Bool[np.ndarray, "height width"]:
        """True inside the generated picture."""
        ...

    @property
    def features(self) -> Float[np.ndarray, "channels rows columns"] | None:
        """Principal components of ViT tokens, in [0, 1]."""
        ...

    @property
    def view(self) -> int:
        """Index into `models.core.category.VIEWS`, -1 where unknown."""
        ...


@runtime_checkable
class Samples(Protocol):
    """A map-style data set."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, row: int, /) -> Sample:
        """One of them."""
        ...


class Crops:
    """A training set that lies in memory whole: 500 crops of 96 px take 40 MB, 10,000 of 256 px 6 GB."""

    def __init__(
        self,
        samples: Samples,
        size: int,
        device: torch.device,
        seen: Sequence[UInt8[np.ndarray, "height width 3"]] | None = None,
        truth: Truth | None = None,
        head_directions: HeadDirections | None = None,
    ) -> None:
        """Reads every sample once and brings it to `size` pixels.

        `seen` are the pictures that the encoder gets; `head_directions` labels crops that have features.
        """
        if not len(samples):
            raise ValueError("the training set has 0 samples; make more images or loosen the filters")
        self.size, self.device = size, device
        crops = [samples[row] for row in range(len(samples))]
        self._image = torch.stack([_resize(crop.image, size) for crop in crops])
        self._mask = torch.stack([_resize(crop.mask[..., None], size)[..., 0] > 127 for crop in crops])
        self._valid = torch.stack([_resize(crop.valid[..., None], size)[..., 0] > 252 for crop in crops])
        self._inside = torch.stack([mask_distance(mask) for mask in self._mask])
        self._view = torch.tensor([crop.view for crop in crops])
        self._features = _features(crops)
        self._heading = torch.zeros(len(crops))
        if self._features is not None and head_directions is not None:
            self._heading = head_directions(self._features, self._mask, self._view)
            known = self._heading.count_nonzero()
            logger.info("which side the head is on is known of %d of %d crops", known, len(crops))
        self._seen = None if seen is None else torch.stack([_resize(each, size) for each in seen])
        self._truth = truth

    def __len__(self) -> int:
        """Number of crops."""
        return len(self._mask)

    @property
    def views_known(self) -> bool:
        """Whether the prompt of any crop has said a view."""
        return bool((self._view >= 0).any())

    def label_heads(self, heading: Float[Tensor, " crops"]) -> None:
        """Say which side the heads are on, as `Batch.heading` has it."""
        self._heading = heading

    def batch(self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"] | None = None) -> Batch:
        """These crops, some of them mirrored left to right. `index` is twice the row, plus one where mirrored."""
        flipped = torch.zeros(len(rows), dtype=torch.bool) if flipped is None else flipped

        def take(stored: Tensor, columns: int) -> Tensor:
            chosen = stored[rows].float()
            mirror = flipped.view(-1, *(1 for _ in chosen.shape[1:]))
            return torch.where(mirror, chosen.flip(columns), chosen).to(self.device)

        return Batch(
            image=take(self._image, 2) / 255,
            mask=take(self._mask, 2),
            valid=take(self._valid, 2),
            features=None if self._features is None else take(self._features, 3),
            view=self._view[rows].to(self.device),
            index=(2 * rows + flipped).to(self.device),
            inside=take(self._inside, 2),
            heading=(self._heading[rows] * torch.where(flipped, -1, 1)).to(self.device),
            seen=None if self._seen is None else take(self._seen, 2) / 255,
            truth=None if self._truth is None else self._truth.rows(rows, flipped).to(self.device),
        )


def batch_rows(count: int, batch: int, step: int, seed: int) -> tuple[Int[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """Rows of one step and which of them are mirrored: every epoch is its own shuffle of all `count` rows."""
    places = torch.arange(step * batch, (step + 1) * batch)
    rows, flipped = torch.empty(batch, dtype=torch.long), torch.empty(batch, dtype=torch.bool)
    for epoch in (places // count).unique().tolist():
        generator = random(seed, "epoch", epoch)
        order, coins = torch.randperm(count, generator=generator), torch.rand(count, generator=generator)
        now = places // count == epoch
        rows[now], flipped[now] = order[places[now] % count], coins[places[now] % count] < 0.5
    return rows, flipped


def random(*key: int | str, part: Part = WHOLE) -> torch.Generator:
    """A CPU generator that depends on nothing but its key, so that a resumed run draws the same numbers."""
    digest = sha256("/".join(map(str, key)).encode()).digest()
    generator = PartGenerator()
    generator.part = part
    return generator.manual_seed(int.from_bytes(digest[:7], "big"))


def collate(samples: Sequence[Sample], size: int, device: torch.device) -> Batch:
    """These crops at `size` pixels, for a prediction."""
    return Crops(samples, size, device).batch(torch.arange(len(samples)))


def mask_distance(mask: Bool[Tensor, "size size"]) -> Float[Tensor, "size size"]:
    """Distance of each animal pixel to the nearest other pixel, over the picture's size; half precision."""
    distance = np.asarray(distance_transform_edt(np.pad(mask.cpu().numpy(), 1)))
    return torch.from_numpy(distance[1:-1, 1:-1] / len(mask)).half()


def _resize(
    pixels: Bool[np.ndarray, "*rest"] | UInt8[np.ndarray, "*rest"], size: int
) -> UInt8[Tensor, "{size} {size} channels"]:
    """Height x width x channels to size x size x channels, uint8 (0 or 255 for a mask), averaged where it shrinks."""
    scaled = pixels.astype(np.float32) * (255 if pixels.dtype == bool else 1)
    image = torch.from_numpy(scaled).permute(2, 0, 1)[None]
    if image.shape[-2:] != (size, size):
        image = interpolate(image, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return image[0].permute(1, 2, 0).round().clamp(0, 255).byte()


def _features(crops: Sequence[Sample]) -> Tensor | None:
    """All features, or None if no crop has any."""
    maps = [crop.features for crop in crops if crop.features is not None]
    lacking = len(crops) - len(maps)
    if maps and lacking:
        raise ValueError(f"{lacking} of {len(crops)} samples have no features; make them for all or none")
    return torch.stack([torch.from_numpy(np.asarray(each, np.float16)) for each in maps]) if maps else None
