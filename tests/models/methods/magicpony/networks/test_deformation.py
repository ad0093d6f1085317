import torch

from models.layers.coordinate_mlp import CoordMlpConfig
from models.methods.magicpony.networks.deformation import DeformationConfig

POINTS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
CODES = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
CONFIG = DeformationConfig(mlp=CoordMlpConfig(layers=3, width=16))


def test_nothing_moves_at_first() -> None:
    assert (CONFIG.build(5)(POINTS, CODES) == 0).all()


def test_mirrored_points_move_by_mirrored_shifts() -> None:
    network = CONFIG.build(5)
    torch.nn.init.normal_(network.mlp.last.weight)
    mirror = torch.tensor((-1.0, 1, 1))
    shifts = network(POINTS, CODES)
    assert torch.equal(network(POINTS * mirror, CODES), shifts * mirror) and shifts.abs().sum() > 0


def test_the_mirror_plane_stays_in_place() -> None:
    network = CONFIG.build(5)
    torch.nn.init.normal_(network.mlp.last.weight)
    shifts = network(POINTS * torch.tensor((0.0, 1, 1)), CODES)
    assert (shifts[..., 0] == 0).all() and shifts[..., 1:].abs().sum() > 0


def test_vertices_and_codes_get_gradient() -> None:
    network = CONFIG.build(5)
    torch.nn.init.normal_(network.mlp.last.weight)
    points, codes = POINTS.clone().requires_grad_(), CODES.clone().requires_grad_()
    network(points, codes).square().sum().backward()
    assert points.grad.abs().sum() > 0 and codes.grad.abs().sum() > 0
