import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.surface_distance import SOFT, chamfer, surface_distance
from tests.models.methods.magicpony.losses.test_keypoint_distance import CAMERA, FACES, batch


def cloud(seed, count):
    return torch.randn(2, count, 3, generator=torch.Generator().manual_seed(seed))


def test_it_is_what_a_search_tree_finds():
    found, known = cloud(0, 50), cloud(1, 30)
    expected = 0.0
    for ours, theirs in zip(found.numpy(), known.numpy(), strict=True):
        for a, b in ((ours, theirs), (theirs, ours)):
            expected += np.hypot(cKDTree(b).query(a)[0], SOFT).mean() / 2
    assert chamfer(found, known).item() == pytest.approx(expected, rel=1e-5)


def test_a_surface_on_itself_misses_nothing_but_softness():
    points = cloud(0, 20)
    assert chamfer(points, points).item() == pytest.approx(2 * SOFT)


def test_descent_brings_one_surface_to_the_other_and_leaves_the_known_one():
    found, known = (0.1 * cloud(0, 40)).requires_grad_(), 0.5 + 0.1 * cloud(1, 40)
    before, optimizer = chamfer(found, known).item(), torch.optim.Adam([found], 0.02)
    for _ in range(100):
        optimizer.zero_grad()
        chamfer(found, known).backward()
        optimizer.step()
    assert chamfer(found, known).item() < 0.15 * before


def seen(points, about):
    return torch.cat((CAMERA.project(points), CAMERA.relative_depth(points, about)[..., None]), -1)


def test_a_surface_in_its_known_place_misses_nothing_and_one_moved_aside_does():
    vertices = 0.3 * cloud(0, 30)[:1]
    known = batch(seen(vertices, vertices[:, :4]))
    there = (vertices[0, :4], vertices[0], Mesh(vertices, FACES), CAMERA, known, torch.Generator())
    assert surface_distance(*there).item() == pytest.approx(2 * SOFT, rel=0.5)
    nearer = Mesh(vertices + torch.tensor([0.3, 0.0, 0.0]), FACES)
    assert surface_distance(there[0], there[1], nearer, *there[3:]) > 4 * surface_distance(*there)


def test_photos_without_truth_are_refused():
    vertices = cloud(0, 30)[:1]
    with pytest.raises(ValueError, match=r"batch\.truth is None"):
        surface_distance(vertices[0, :4], vertices[0], Mesh(vertices, FACES), CAMERA, batch(None), torch.Generator())
