"""What is wrong with the animals found in a photo (fidelity F3)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from pydantic import Field, field_validator

from models.core.config import Config
from models.data.framing import crop_box
from models.segmenters.pointrend import Instance

Mask = Bool[ndarray, "height width"]


class MaskRules(Config):
    """Thresholds."""

    score: float = Field(default=0.7, ge=0, le=1, description="least score of the animal")
    other_score: float = Field(default=0.5, ge=0, le=1, description="score from which a second animal counts")
    other_area: float = Field(
        default=0.2, ge=0, le=1, description="least area of a second animal, as a share of the first"
    )
    area: tuple[float, float] = Field(default=(0.05, 0.7), description="share of the photo that the animal covers")
    margin: float = Field(
        default=0.004, ge=0, le=0.5, description="width of the border as a share of the photo; at least 1 px"
    )
    border: float = Field(default=0.01, ge=0, description="pixels in the border, as a share of the outline")
    pieces: float = Field(default=0.05, ge=0, le=1, description="share of the mask that is not in its largest piece")
    solidity: float = Field(default=0.35, ge=0, le=1, description="least share of the convex hull that the mask fills")
    lost: float = Field(default=0.02, ge=0, le=1, description="share of the mask that the square crop cuts off")

    @field_validator("area")
    @classmethod
    def _ordered(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= area[0] < area[1] <= 1:
            raise ValueError(f"is {area[0]:g}, {area[1]:g}; give the least share and then the most, both from 0 to 1")
        return area


def verdict(instances: Sequence[Instance], rules: MaskRules) -> str | None:
    """The first reason to drop a photo, given the animals in it, likeliest first.

    Doubt comes last: an animal that is cut off, hidden or far away has a low score because of it.
    """
    if not instances or instances[0].score < min(rules.score, rules.other_score):
        return "no instance"
    if len(animals(instances, rules)) > 1:
        return "multiple animals"
    reason = next((reason for rule in RULES if (reason := rule(instances[0].mask, rules))), None)
    return reason or ("doubtful" if instances[0].score < rules.score else None)


def animals(instances: Sequence[Instance], rules: MaskRules) -> list[Instance]:
    """The likeliest one, and each that counts beside it; `instances` are of one photo, likeliest first.

    Others count where they are likely and large enough, and none of those before them found again.
    """
    whole: list[Instance] = list(instances[:1])
    for other in instances[1:]:
        large = other.mask.sum() >= rules.other_area * instances[0].mask.sum()
        if other.score >= rules.other_score and large and all(_overlap(other, known) < 0.5 for known in whole):
            whole.append(other)
    return whole


def _overlap(one: Instance, other: Instance) -> float:
    return (one.mask & other.mask).sum() / max(1, (one.mask | other.mask).sum())


def size(mask: Mask, rules: MaskRules) -> str | None:
    """Too far away or too close."""
    if mask.mean() < rules.area[0]:
        return "too small"
    return "too large" if mask.mean() > rules.area[1] else None


def border(mask: Mask, rules: MaskRules) -> str | None:
    """Cut off by the photo's edge."""
    width = max(1, round(rules.margin * max(mask.shape)))
    inner = np.zeros_like(mask)
    inner[width:-width, width:-width] = True
    return "border" if (mask & ~inner).sum() > rules.border * _outline(mask) else None


def pieces(mask: Mask, rules: MaskRules) -> str | None:
    """In several pieces."""
    from scipy.ndimage import label

    regions, _ = label(mask)  # pyright: ignore[reportGeneralTypeIssues]
    largest = np.bincount(regions.ravel())[1:].max()
    return "fragmented" if largest < (1 - rules.pieces) * mask.sum() else None


def crowd(mask: Mask, rules: MaskRules) -> str | None:
    """Two animals in one region."""
    return "multiple animals" if len(split_crowd(mask, rules)) > 1 else None


def split_crowd(mask: Mask, rules: MaskRules) -> list[Mask]:
    """The animals of one region: bodies that something thinner joins, the largest first.

    An animal that covers the share a of what another covers is at least sqrt(a) times as thick, so bodies are where
    the region is that thick, and every pixel belongs to the body next to it.
    """
    from scipy.ndimage import distance_transform_edt, label

    depth = np.asarray(distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]
    bodies, count = label(depth >= np.sqrt(rules.other_area) * depth.max())  # pyright: ignore[reportGeneralTypeIssues]
    if count < 2:
        return [mask]
    nearest = np.asarray(distance_transform_edt(bodies == 0, return_distances=False, return_indices=True))
    owner = np.where(mask, bodies[tuple(nearest)], 0)
    areas = np.bincount(owner.ravel(), minlength=count + 1)[1:]
    large = [number for number in np.argsort(-areas) if areas[number] >= rules.other_area * areas.max()]
    return [owner == number + 1 for number in large] if len(large) > 1 else [mask]


def solidity(mask: Mask, rules: MaskRules) -> str | None:
    """So ragged that something must stand in front."""
    from skimage.morphology import convex_hull_image

    return "occluded" if mask.sum() < rules.solidity * convex_hull_image(mask).sum() else None


def truncation(mask: Mask, rules: MaskRules) -> str | None:
    """Too long for its crop."""
    box = crop_box(mask)
    inside = mask[max(0, box.top) : box.top + box.height, max(0, box.left) : box.left + box.width].sum()
    return "truncated crop" if mask.sum() - inside > rules.lost * mask.sum() else None


def _outline(mask: Mask) -> int:
    """Pixels of the mask with a neighbour that is not."""
    from scipy.ndimage import binary_erosion

    return int((mask & ~np.asarray(binary_erosion(mask), bool)).sum())


RULES = (size, border, pieces, crowd, solidity, truncation)
