from math import radians

import torch

from models.core.category import Skeleton
from models.geometry.cameras import look_at
from models.methods.magicpony.networks.articulation import Articulation, ArticulationConfig

SKELETON = Skeleton(body_bones=4, legs=2)
ENDS = torch.randn(1, 10, 2, 3, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1, -1)
KEYS = torch.randn(3, 6, 8, 8, generator=torch.Generator().manual_seed(1))
CODES = torch.randn(3, 5, generator=torch.Generator().manual_seed(2))
CAMERA = look_at(torch.tensor((0.0, 1.0, 2.0)), torch.zeros(3))


def network() -> Articulation:
    torch.manual_seed(0)
    return ArticulationConfig(width=16, heads=2).build(SKELETON, 6 + 5)


def loud() -> Articulation:
    built = network()
    torch.nn.init.normal_(built.leave.weight, std=100)
    return built


def test_no_bone_turns_at_first() -> None:
    assert (network()(ENDS, CAMERA, KEYS, CODES) == 0).all()


def test_angles_keep_their_limits_and_legs_swing_rather_than_bend() -> None:
    angles = loud()(ENDS, CAMERA, KEYS, CODES).abs()
    assert angles.max() <= radians(60) + 1e-5 and angles[:, :4].max() > radians(50)
    assert angles[:, 4:, 1:].max() <= 0.3 * radians(60) + 1e-5 and angles[:, 4:, 0].max() > radians(50)


def test_each_animal_is_judged_alone() -> None:
    built = loud()
    every, one = built(ENDS, CAMERA, KEYS, CODES), built(ENDS[1:2], CAMERA[1:2], KEYS[1:2], CODES[1:2])
    assert torch.allclose(every[1:2], one, atol=1e-4)


def test_a_bone_sees_the_photo_at_its_own_middle() -> None:
    ends = torch.zeros(1, 10, 2, 3)
    ends[0, :, :, 0] = torch.linspace(-1, 1, 10)[:, None]
    camera = look_at(torch.zeros(1), torch.zeros(1))
    place, position = Articulation._positions(ends, camera)
    assert (place[0, 1:, 0] > place[0, :-1, 0]).all() and torch.allclose(place[..., 1], torch.zeros(10), atol=1e-6)
    assert position.shape == (1, 10, 9) and position.abs().max() <= 1


def test_codes_and_keys_get_gradient_but_bones_do_not() -> None:
    ends, codes, keys = (each.clone().requires_grad_() for each in (ENDS, CODES, KEYS))
    built = network()
    torch.nn.init.normal_(built.leave.weight, std=0.1)
    built(ends, CAMERA, keys, codes).square().sum().backward()
    assert ends.grad is None and codes.grad.abs().sum() > 0 and keys.grad.abs().sum() > 0
