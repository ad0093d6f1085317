"""A walking animal lifts the foot that comes forward, and comes back to where it began."""

import pytest
import torch
from torch import Tensor

from models.core.category import Skeleton
from models.geometry.gait import walk
from models.geometry.kinematics import bone_motions, posed_ends
from models.geometry.skeleton import Rig, parents

FRAMES = 41


def feet_of(skeleton: Skeleton) -> Tensor:
    """(frames, legs, 3) on a box of an animal: spine along z at height 2, feet on the ground."""
    half = skeleton.body_bones // 2
    ends = []
    for side in (1, -1):
        knots = [torch.tensor((0.0, 2.0, side * share / half)) for share in range(half, -1, -1)]
        ends += [torch.stack((inner, outer)) for outer, inner in zip(knots, knots[1:], strict=False)]
    corners = {4: ((1, 1), (1, -1), (-1, -1), (-1, 1)), 2: ((1, 0), (-1, 0)), 0: ()}[skeleton.legs]
    for x, z in corners:
        knots = [torch.tensor((0.3 * x, 2 * share / 3, 0.8 * z)) for share in range(4)]
        ends += [torch.stack((inner, outer)) for outer, inner in zip(knots, knots[1:], strict=False)]
    attachment = torch.zeros(skeleton.legs, dtype=torch.int64)
    rig = Rig(torch.stack(ends)[None].expand(FRAMES, -1, -1, -1), parents(skeleton, attachment, False))
    posed = posed_ends(rig, bone_motions(rig, walk(skeleton, FRAMES)))
    return posed[:, skeleton.body_bones :: 3, 1]


def test_the_cycle_closes() -> None:
    angles = walk(Skeleton(), FRAMES)
    assert angles.shape == (FRAMES, 20, 3)
    torch.testing.assert_close(angles[0], angles[-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("legs", [2, 4])
def test_a_foot_is_higher_when_it_goes_forward(legs: int) -> None:
    feet = feet_of(Skeleton(legs=legs))
    forward = feet[..., 2].diff(dim=0)
    height = (feet[1:, :, 1] + feet[:-1, :, 1]) / 2
    for leg in range(legs):
        assert height[:, leg][forward[:, leg] > 0].mean() > height[:, leg][forward[:, leg] < 0].mean() + 0.03


def test_feet_fall_in_lateral_sequence() -> None:
    """Left hind, left fore, right hind, right fore, a quarter of the cycle apart."""
    foremost = feet_of(Skeleton())[:-1, :, 2].argmax(0)
    left_fore, left_hind, right_hind, right_fore = foremost.tolist()
    order = [(later - left_hind) % (FRAMES - 1) for later in (left_fore, right_hind, right_fore)]
    assert order == pytest.approx([10, 20, 30], abs=2)


def test_an_animal_without_legs_only_sways() -> None:
    assert walk(Skeleton(legs=0), 5).shape == (5, 8, 3)
