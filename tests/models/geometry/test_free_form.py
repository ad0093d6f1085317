"""Control points carry what is near them, and the other side as a mirror does."""

import pytest
import torch

from models.geometry.free_form import Lattice
from tests.models.geometry.test_skeleton import creature

SPACING = 0.5
MIRROR = torch.tensor([-1.0, 1.0, 1.0])
VERTICES = creature()[0]
LATTICE = Lattice.around(VERTICES, SPACING)


def shifts(count: int = 2, lattice: Lattice = LATTICE) -> torch.Tensor:
    return torch.randn(count, len(lattice.points), 3, generator=torch.Generator().manual_seed(0))


def test_mirrored_vertices_move_as_the_mirror_shows_them() -> None:
    other = Lattice.around(VERTICES * MIRROR, SPACING)
    torch.testing.assert_close(other.points, LATTICE.points)
    torch.testing.assert_close(other.carry(shifts()), LATTICE.carry(shifts()) * MIRROR)


def test_nothing_leaves_the_mirror_plane_and_nothing_tears_there() -> None:
    line = torch.stack([torch.arange(-10, 11) / 1000.0, torch.zeros(21), torch.ones(21)], 1)
    lattice = Lattice.around(torch.cat((VERTICES, line)), SPACING)
    moved = lattice.carry(shifts(1, lattice))[0, -21:]
    assert moved[10, 0] == 0 and moved[10, 1:].abs().amin() > 0
    assert (moved[1:] - moved[:-1]).abs().amax() < 0.01


def test_shifting_all_points_alike_moves_the_half_as_a_whole() -> None:
    shift = torch.tensor([0.1, 0.2, -0.3])
    moved = LATTICE.carry(shift.expand(1, len(LATTICE.points), 3))[0]
    torch.testing.assert_close(moved[:, 1:], shift[1:].expand(len(VERTICES), 2))
    away = VERTICES[:, 0] >= SPACING
    assert away.any()
    torch.testing.assert_close(moved[away], shift.expand(int(away.sum()), 3))


def test_a_point_carries_what_is_near_and_leaves_what_is_far() -> None:
    half = VERTICES * VERTICES.sign()[:, :1].where(torch.tensor([True, False, False]), torch.tensor(1.0))
    distance = torch.cdist(half, LATTICE.points)
    assert (LATTICE.points[:, 0] >= 0).all() and (distance.amin(0) < SPACING).all()
    vertex, point = divmod(int(distance.argmin()), len(LATTICE.points))
    assert LATTICE.weights[vertex].argmax() == point
    assert LATTICE.weights[distance > 4 * SPACING].amax() < 1e-5


@pytest.mark.parametrize("spacing", [0.3, 0.5, 2.0, 9.0])
def test_neighbours_on_the_grid_are_at_most_a_spacing_apart(spacing: float) -> None:
    points = Lattice.around(VERTICES, spacing).points
    for axis in range(3):
        places = points[:, axis].unique()
        assert places.diff().amax() <= spacing + 1e-5
    weights = Lattice.around(VERTICES, spacing).weights
    torch.testing.assert_close(weights.sum(1), torch.ones(len(VERTICES)))


def test_each_image_has_shifts_of_its_own() -> None:
    many = shifts(3)
    alone = torch.cat([LATTICE.carry(each[None]) for each in many])
    torch.testing.assert_close(LATTICE.carry(many), alone)
