"""A reconstructor answers crops one by one as it answers them together, and holds still."""

import torch

from models.data.batch import Batch
from models.methods.magicpony.reconstruction import AnimalReconstructor, picked
from models.metrics import Reconstructor


def test_it_is_what_the_metrics_ask_for(reconstructor: AnimalReconstructor) -> None:
    assert isinstance(reconstructor, Reconstructor)


def test_the_same_crops_give_the_same_animals(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    first, second = reconstructor.predict(crops), reconstructor.predict(crops)
    assert torch.equal(first.mesh.vertices, second.mesh.vertices)
    assert not first.mesh.vertices.requires_grad


def test_one_of_a_batch_is_drawn_as_in_the_batch(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    prediction = reconstructor.predict(crops)
    together = reconstructor.render(prediction, 32)
    alone = reconstructor.render(picked(prediction, 1, 2), 32)
    torch.testing.assert_close(alone.rgb[1], together.rgb[1])


def test_its_own_angles_pose_an_animal_as_it_was(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    prediction = picked(reconstructor.predict(crops), 2, 2)
    assert prediction.angles.abs().max() > 0.05
    again = reconstructor.posed(prediction, prediction.angles)
    torch.testing.assert_close(again.mesh.vertices, prediction.mesh.vertices, atol=1e-5, rtol=0)
    rest = reconstructor.posed(prediction, torch.zeros_like(prediction.angles))
    torch.testing.assert_close(rest.mesh.vertices, rest.rest.vertices, atol=1e-5, rtol=0)
