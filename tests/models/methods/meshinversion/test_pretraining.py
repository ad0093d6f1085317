from dataclasses import replace

import numpy as np
import torch
import trimesh

from models.engine.loop import NoCheckpoints, no_report
from models.methods.meshinversion import pretraining
from models.methods.meshinversion.pretraining import (
    FIRST,
    FitConfig,
    bending,
    carry,
    colour_map,
    envelope,
    fit_animals,
    fit_sphere,
    neighbours,
    sample_surface,
    smoothing,
)
from tests.models.engine.test_loop import Shelf
from tests.models.methods.meshinversion.material import SPHERE, lessons

BOX = trimesh.creation.box((1.0, 2.0, 4.0)).subdivide().subdivide().subdivide().subdivide()
VERTICES, FACES = np.asarray(BOX.vertices, np.float32), np.asarray(BOX.faces)


def distance(vertices, mesh):
    return float(np.abs(trimesh.proximity.closest_point_naive(mesh, vertices.numpy())[1]).mean())


def test_the_sphere_lies_on_the_animal_after_the_fit():
    surface = sample_surface(VERTICES, FACES, 1000)
    start = envelope(SPHERE, surface)
    fitted = fit_sphere(SPHERE, start, surface, FitConfig(first_steps=60, points=1000), FIRST)
    coarse = trimesh.creation.box((1.0, 2.0, 4.0))
    assert distance(fitted, coarse) < 0.06 and distance(fitted, coarse) < 0.5 * distance(start, coarse)
    solid = trimesh.Trimesh(fitted.numpy(), SPHERE.faces.numpy(), process=False)
    assert solid.is_watertight and abs(solid.volume / 8 - 1) < 0.15


def test_another_animal_is_fitted_from_the_first_and_keeps_its_texels():
    surface = sample_surface(VERTICES, FACES, 1000)
    first = fit_sphere(SPHERE, envelope(SPHERE, surface), surface, FitConfig(first_steps=60, points=1000), FIRST)
    longer = VERTICES * np.array((1, 1, 1.1), np.float32)
    other = fit_sphere(SPHERE, first, sample_surface(longer, FACES, 1000), FitConfig(points=1000))
    wanted = first * torch.tensor((1, 1, 1.1))
    assert (other - wanted).norm(dim=1).mean() < 0.5 * (first - wanted).norm(dim=1).mean()


def test_an_individual_is_fitted_once_and_all_from_the_first(monkeypatch):
    starts = []

    def fit(sphere, start, surface, config, stages=()):
        starts.append((start, stages))
        return start + len(starts)

    monkeypatch.setattr(pretraining, "fit_sphere", fit)
    one, again = lessons()[:2]
    other = replace(one, rest=1.1 * one.rest)
    fit_animals([one, again, other, one], SPHERE, 64, FitConfig(points=100), NoCheckpoints(), no_report)
    assert [stages for _, stages in starts] == [FIRST, (), (), ()], "the second photo of the first needs none"
    first = starts[0][0] + 1
    assert all(torch.equal(start, first) for start, _ in starts[1:])


def test_a_stopped_fitting_goes_on_to_the_same_bits(monkeypatch):
    monkeypatch.setattr(
        pretraining, "fit_sphere", lambda sphere, start, surface, *_: start + surface[: len(start)].mean()
    )
    one, again, other = lessons()[0], lessons()[1], replace(lessons()[0], rest=1.1 * lessons()[0].rest)
    animals, shelf, told = [one, again, other, one], Shelf(), []

    def fitted(some, checkpoints):
        config = FitConfig(points=100, save_every=2)
        return fit_animals(some, SPHERE, 64, config, checkpoints, lambda step, *_: told.append(step))

    straight = fitted(animals, NoCheckpoints())
    fitted(animals[:3], shelf)
    continued = fitted(animals, shelf)
    assert told == [2, 4, 2, 4] and shelf.newest()[0] == 4
    assert all(map(torch.equal, straight, continued))


def test_points_follow_the_surface_into_its_pose():
    posed = VERTICES + np.where(VERTICES[:, 2:] > 0, np.array((0.0, 0.5, 0.0), np.float32), np.float32(0))
    points = torch.tensor([[0.5, 0.0, 1.0], [0.5, 0.0, -1.0], [0.6, 0.0, 1.0]])
    moved = carry(points, VERTICES, posed) - points
    assert torch.allclose(moved, torch.tensor([[0.0, 0.5, 0], [0, 0, 0], [0, 0.5, 0]]), atol=1e-5)


def test_texels_have_the_colour_of_what_they_lie_on():
    # Heads are red, tails are blue: rows of a map go from head to tail.
    colour = np.where(VERTICES[:, 2:] > 0, np.array((1.0, 0, 0)), np.array((0, 0, 1.0)))
    around = SPHERE.points * torch.tensor((0.7, 1.2, 2.2))
    painted = colour_map(around, SPHERE, 64, VERTICES, colour)
    assert painted.shape == (3, 64, 64)
    assert painted[0, :28].min() > 0.9 and painted[2, 36:].min() > 0.9


def test_a_smooth_step_moves_neighbours_and_keeps_what_moves_as_a_whole():
    inverse = smoothing(SPHERE, 4.0)
    assert torch.allclose(inverse.sum(1), torch.ones(len(inverse)), atol=1e-4)
    assert inverse[500, 501] > inverse[500, 510] > 0
    assert smoothing(SPHERE, 20.0)[500, 500] < inverse[500, 500]


def test_flat_surfaces_do_not_bend():
    corners = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]])
    faces, pairs = torch.tensor([[0, 1, 2], [2, 1, 3]]), torch.tensor([[0, 1]])
    assert bending(corners, faces, pairs) < 1e-8
    folded = corners.clone()
    folded[0, 3] = torch.tensor((0.5, 0.5, -0.7071))
    assert torch.allclose(bending(folded, faces, pairs), torch.ones(()), atol=1e-3)
    assert len(neighbours(SPHERE)) == len(SPHERE.faces) * 3 // 2
