import torch

from models.core.category import Skeleton
from models.geometry.skeleton import attach, feet, joints, parents, spine

FEET = torch.tensor(((0.5, -1.0, 1.2), (0.5, -1.0, -1.3), (-0.5, -1.0, -1.3), (-0.5, -1.0, 1.2)))
QUADRUPED = Skeleton()


def creature() -> torch.Tensor:
    """A cloud with a head at +z, a tail at -z and four feet, symmetric."""
    cloud = torch.rand(600, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    body = cloud * torch.tensor((0.5, 0.4, 1.4))
    ends = torch.tensor(((0.2, 0.8, 2.2), (0.2, 0.1, -1.8)))
    half = torch.cat((body, ends))
    return torch.cat((half, half * torch.tensor((-1.0, 1, 1)), FEET))[None]


def test_the_spine_runs_in_the_mirror_plane_from_tip_to_tip_through_the_middle() -> None:
    bones = spine(creature(), QUADRUPED)[0]
    assert (bones[..., 0] == 0).all()
    assert torch.allclose(bones[0, 1], torch.tensor((0, 0.8, 2.2))) and torch.allclose(
        bones[4, 1, 2], torch.tensor(-1.8)
    )
    middle = creature()[0].mean(0) + torch.tensor((0, 0.5, 0))
    for root in (3, 7):
        assert torch.allclose(bones[root, 0, 1:], middle[1:])
    for tip in (0, 4):
        assert torch.equal(bones[tip : tip + 3, 0], bones[tip + 1 : tip + 4, 1])


def test_feet_are_the_lowest_points_of_their_quarters() -> None:
    assert torch.equal(feet(creature(), 4)[0], FEET)
    assert feet(creature(), 2)[0, :, 0].tolist() == [0.5, -0.5]
    assert feet(creature(), 0).shape == (1, 0, 3)


def test_an_empty_quarter_gets_a_guess_inside_it() -> None:
    one_sided = creature()
    one_sided = one_sided[:, one_sided[0, :, 2] > 0.1]
    found = feet(one_sided, 4)[0]
    assert found.isfinite().all() and (found[1:3, 2] <= 0).all() and (found[:2, 0] > 0).all()


def test_a_guess_lies_half_way_out_on_the_ground() -> None:
    left = creature()[:, creature()[0, :, 0] > 0]
    x, y, z = left[0].T
    quarter = (x.quantile(0.95) - x.quantile(0.05)).item() / 4
    expected = torch.tensor([[-quarter, y.min(), z.min() / 2], [-quarter, y.min(), z.max() / 2]])
    assert torch.allclose(feet(left, 4)[0, 2:], expected)


def test_legs_run_from_foot_to_hip_in_equal_thirds() -> None:
    attachment = attach(creature(), QUADRUPED)
    bones = joints(creature(), QUADRUPED, attachment)[0]
    assert bones.shape == (20, 2, 3)
    for leg in range(4):
        foot, middle, top = bones[8 + 3 * leg : 11 + 3 * leg]
        assert torch.equal(foot[1], FEET[leg]) and torch.allclose(top[0], bones[attachment[leg], 1])
        assert torch.equal(foot[0], middle[1]) and torch.equal(middle[0], top[1])
        assert torch.allclose((foot[0] - foot[1]), (top[0] - top[1]), atol=1e-6)


def test_legs_hang_on_the_nearest_spine_joint_alike_on_both_sides() -> None:
    attachment = attach(creature(), QUADRUPED).tolist()
    assert attachment == attachment[::-1]
    assert attachment[0] < 4 <= attachment[1]


def test_the_tree_is_two_chains_and_legs_that_are_attached_or_not() -> None:
    attachment = torch.tensor((2, 7, 7, 2))
    free, held = parents(QUADRUPED, attachment, False), parents(QUADRUPED, attachment, True)
    assert free[:8] == held[:8] == (1, 2, 3, -1, 5, 6, 7, -1)
    assert free[8:] == (9, 10, -1, 12, 13, -1, 15, 16, -1, 18, 19, -1)
    assert held[8:] == (9, 10, 2, 12, 13, 7, 15, 16, 7, 18, 19, 2)


def test_a_bird_has_a_spine_only() -> None:
    bird = Skeleton(legs=0)
    attachment = attach(creature(), bird)
    assert joints(creature(), bird, attachment).shape == (1, 8, 2, 3) and len(parents(bird, attachment, True)) == 8


def test_no_gradient_flows_into_bones() -> None:
    vertices = creature().requires_grad_()
    assert not joints(vertices, QUADRUPED, attach(vertices, QUADRUPED)).requires_grad
