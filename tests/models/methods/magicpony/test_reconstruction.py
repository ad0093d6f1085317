"""A reconstructor answers crops one by one as it answers them together, and holds still."""

from dataclasses import replace

import pytest
import torch

from models.data.batch import Batch
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor, pick
from models.rendering.reconstruction import Reconstructor
from models.rendering.types import Light


@pytest.fixture(scope="module")
def animals(reconstructor: AnimalReconstructor, crops: Batch) -> AnimalReconstruction:
    return reconstructor.predict(crops)


def test_it_is_what_the_metrics_ask_for(reconstructor: AnimalReconstructor) -> None:
    assert isinstance(reconstructor, Reconstructor)


def test_the_same_crops_give_the_same_animals(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    first, second = reconstructor.predict(crops), reconstructor.predict(crops)
    assert torch.equal(first.prediction.mesh.vertices, second.prediction.mesh.vertices)
    assert not first.prediction.mesh.vertices.requires_grad


def test_a_model_that_was_training_answers_as_it_does_after_its_training(
    reconstructor: AnimalReconstructor, crops: Batch, animals: AnimalReconstruction
) -> None:
    reconstructor.animal.train()
    again = reconstructor.predict(crops)
    assert torch.equal(again.prediction.mesh.vertices, animals.prediction.mesh.vertices)
    assert again.prediction.alternatives is None


def test_one_of_a_batch_is_drawn_as_in_the_batch(animals: AnimalReconstruction) -> None:
    together = animals.render(32)
    alone = animals.pick(1, 2).render(32)
    torch.testing.assert_close(alone.rgb[1], together.rgb[1])


def test_every_part_of_the_one_is_that_of_the_batch(animals: AnimalReconstruction) -> None:
    alone = animals.pick(2, 2)
    assert len(alone) == 2
    assert torch.equal(alone.mesh(1).vertices, animals.mesh(2).vertices)
    assert torch.equal(alone.camera.T_camera_world[0], animals.camera.T_camera_world[2])
    assert torch.equal(alone.light.coefficients[1], animals.light.coefficients[2])
    assert torch.equal(alone.angles()[0], animals.angles()[2])
    assert torch.equal(alone.rest().vertices[1], animals.rest().vertices[2])
    torch.testing.assert_close(alone.rig().ends[0], animals.rig().ends[2])
    torch.testing.assert_close(alone.skin_weights()[1], animals.skin_weights()[2])
    points = alone.canonical()[:20]
    mine, theirs = torch.zeros(20, dtype=torch.long), torch.full((20,), 2)
    torch.testing.assert_close(alone.albedo(points, mine), animals.albedo(points, theirs))


def test_a_rest_shape_that_all_share_stays_one(animals: AnimalReconstruction) -> None:
    one = pick(animals.prediction, 0)
    shared = pick(replace(animals.prediction, rest=one.rest, deformation=None), 1, 5)
    assert len(shared.rest) == 1 and len(shared.mesh) == 5 and shared.deformation is None


def test_its_own_angles_pose_an_animal_as_it_was(animals: AnimalReconstruction) -> None:
    some = animals.pick(2, 2)
    assert some.angles().abs().max() > 0.05
    again = some.posed(some.angles())
    torch.testing.assert_close(again.mesh(0).vertices, some.mesh(0).vertices, atol=1e-5, rtol=0)
    rest = some.posed(torch.zeros_like(some.angles()))
    torch.testing.assert_close(rest.mesh(1).vertices, rest.rest().vertices[1:], atol=1e-5, rtol=0)
    assert torch.equal(rest.angles(), torch.zeros_like(some.angles()))


def test_skin_weights_are_shares_of_the_bones(animals: AnimalReconstruction) -> None:
    weights, vertices = animals.skin_weights(), animals.rest().vertices
    assert weights.shape == (3, vertices.shape[1], animals.animal.skeleton.bones)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))
    assert len(animals.rig().parents) == animals.animal.skeleton.bones
    assert animals.legs == animals.animal.skeleton.legs == 4


def test_an_animal_without_articulation_stands_at_rest(animals: AnimalReconstruction) -> None:
    stiff = replace(animals, prediction=replace(animals.prediction, angles=None))
    assert torch.equal(stiff.angles(), torch.zeros(3, 20, 3))


def test_another_surface_is_drawn_in_the_place_of_the_predicted_one(animals: AnimalReconstruction) -> None:
    shrunk = animals.with_surface(0.5 * animals.prediction.mesh.vertices)
    assert torch.equal(shrunk.mesh(1).vertices, 0.5 * animals.mesh(1).vertices)
    assert shrunk.render(32).mask.sum() < 0.5 * animals.render(32).mask.sum()


def test_another_camera_sees_the_same_animal_from_there_and_another_light_changes_light_alone(
    animals: AnimalReconstruction,
) -> None:
    own = animals.render(32)
    others = animals.camera[torch.tensor([1, 2, 0])]
    assert torch.equal(animals.render(32, animals.camera).mask, own.mask)
    moved = animals.render(32, others)
    assert (moved.mask != own.mask).any()
    light = Light(-animals.light.direction, animals.light.ambient, animals.light.diffuse)
    lit = animals.render(32, light=light)
    assert torch.equal(lit.mask, own.mask) and torch.equal(lit.albedo, own.albedo)
    assert (lit.shading != own.shading).any()


def test_nothing_of_an_answer_has_a_gradient(animals: AnimalReconstruction) -> None:
    assert not animals.render(16).rgb.requires_grad
    assert not animals.posed(animals.angles()).mesh(0).vertices.requires_grad
