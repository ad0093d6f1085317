"""The heuristic skeleton of MagicPony: a spine, and a leg to the lowest point of each quarter (fidelity F24).

Bones by index: 0 .. n/2 - 1 from the +z tip inwards, n/2 .. n - 1 from the -z tip inwards, both chains rooted in the
middle; then three for each leg: foot, middle, top. Quarters by leg: (+x, +z), (+x, -z), (-x, -z), (-x, +z); of two
legs: +x, -x. The mirror image of leg l is leg n - 1 - l. Nothing here carries gradient.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.category import Skeleton

ABOVE_MEAN = -0.5
"""Height, relative to the mean vertex, above which the ends of the spine are looked for."""
RAISED = 0.5
"""Height of the middle of a spine with legs above the mean vertex."""
APART = 0.2
"""Least distance of a foot from the mirror plane, as a share of the body's width."""

LEGS = {4: ("left_fore", "left_hind", "right_hind", "right_fore"), 2: ("left", "right"), 0: ()}
"""Names of the legs, in their order."""


@dataclass(frozen=True)
class Rig:
    """Bones of a batch of animals."""

    ends: Float[Tensor, "batch bones 2 3"]
    """Inner and outer joint of each bone, object frame, at rest."""
    parents: tuple[int, ...]
    """Index of the bone that carries each bone; -1 for none."""


def bone_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the bones by index; those of the spine are counted from the middle outwards."""
    half = skeleton.body_bones // 2
    spine = [f"{end}_spine_{half - bone}" for end in ("fore", "hind") for bone in range(half)]
    return (*spine, *(f"{leg}_{part}" for leg in LEGS[skeleton.legs] for part in ("lower", "middle", "upper")))


def joints(
    vertices: Float[Tensor, "batch vertices 3"], skeleton: Skeleton, attachment: Int[Tensor, " legs"]
) -> Float[Tensor, "batch bones 2 3"]:
    """Inner and outer joint of each bone; `attachment` is the spine bone whose outer joint carries each leg."""
    vertices = vertices.detach()
    bones = [spine(vertices, skeleton)]
    for leg, foot in enumerate(feet(vertices, skeleton.legs).unbind(1)):
        hip = bones[0][:, attachment[leg], 1]
        knots = torch.stack([foot + share / 3 * (hip - foot) for share in range(4)], 1)
        bones.append(torch.stack((knots[:, 1:], knots[:, :-1]), 2))
    return torch.cat(bones, 1)


def attach(vertices: Float[Tensor, "1 vertices 3"], skeleton: Skeleton) -> Int[Tensor, " legs"]:
    """For each leg the spine bone whose outer joint is nearest to its foot along z, alike for mirrored legs."""
    vertices = vertices.detach()
    ends = spine(vertices, skeleton)[0, :, 1, 2]
    bones = (feet(vertices, skeleton.legs)[0, : skeleton.legs // 2, 2, None] - ends).abs().argmin(-1)
    return torch.cat((bones, bones.flip(0)))


def parents(skeleton: Skeleton, attachment: Int[Tensor, " legs"], attached: bool) -> tuple[int, ...]:
    """What carries each bone; legs hang in the air until they are attached."""
    half = skeleton.body_bones // 2
    chain = [*range(1, half), -1]
    spine_parents = chain + [half + parent if parent >= 0 else -1 for parent in chain]
    legs: list[int] = []
    for leg in range(skeleton.legs):
        foot = skeleton.body_bones + 3 * leg
        legs += [foot + 1, foot + 2, int(attachment[leg]) if attached else -1]
    return (*spine_parents, *legs)


def spine(vertices: Float[Tensor, "batch vertices 3"], skeleton: Skeleton) -> Float[Tensor, "batch bones 2 3"]:
    """Straight lines from the middle to the foremost and the rearmost point of the upper body."""
    z = vertices[..., 2]
    upper = vertices[..., 1] > vertices[..., 1].mean(1, keepdim=True) + ABOVE_MEAN
    front = _pick(vertices, torch.where(upper, z, -torch.inf).argmax(1))
    rear = _pick(vertices, torch.where(upper, z, torch.inf).argmin(1))
    middle = vertices.mean(1)
    middle = middle + middle.new_tensor((0, RAISED if skeleton.legs else 0, 0))
    half = skeleton.body_bones // 2
    shares = torch.linspace(0, 1, half + 1, device=vertices.device)[:, None]
    plane = vertices.new_tensor((0, 1, 1))
    bones = []
    for tip in (front, rear):
        knots = (tip[:, None] + shares * (middle - tip)[:, None]) * plane
        bones.append(torch.stack((knots[:, 1:], knots[:, :-1]), 2))
    return torch.cat(bones, 1)


def feet(vertices: Float[Tensor, "batch vertices 3"], legs: int) -> Float[Tensor, "batch legs 3"]:
    """The lowest vertex of each leg's quarter; where a quarter is empty, a point below the quarter's middle."""
    x, y, z = vertices.unbind(-1)
    spread = x.quantile(0.95, dim=1) - x.quantile(0.05, dim=1)
    margin = APART * spread[:, None]
    points: list[Tensor] = []
    for side, end in {4: ((1, 1), (1, -1), (-1, -1), (-1, 1)), 2: ((1, 0), (-1, 0)), 0: ()}[legs]:
        quarter = (side * x > margin) & (end * z > (-1 if end == 0 else 0))
        lowest = _pick(vertices, torch.where(quarter, y, torch.inf).argmin(1))
        reach = (z * end).amax(1).clamp_min(0) if end else torch.zeros_like(spread)
        guess = torch.stack((side * spread / 4, y.amin(1), end * reach / 2), -1)
        points.append(torch.where(quarter.any(1, keepdim=True), lowest, guess))
    return torch.stack(points, 1) if points else vertices[:, :0]


def _pick(vertices: Float[Tensor, "batch vertices 3"], index: Int[Tensor, " batch"]) -> Float[Tensor, "batch 3"]:
    return vertices[torch.arange(len(vertices), device=vertices.device), index]
