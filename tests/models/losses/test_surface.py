import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from models.losses.surface import SOFT, chamfer


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
