import torch

from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT
from tests.models.methods.magicpony.pretraining.test_quadruped import QUADRUPED, TINY, tiny_vit


def animal():
    torch.manual_seed(0)
    return TINY.animal.build(QUADRUPED, tiny_vit())


def test_markers_begin_as_mirror_images_of_each_other():
    markers = KeypointAnimal(animal()).markers.detach()
    assert markers.shape == (len(KEYPOINTS), 3)
    assert torch.equal(markers[list(OPPOSITE_KEYPOINT)], markers * torch.tensor([-1.0, 1.0, 1.0]))


def test_an_animal_comes_back_as_it_was_marked():
    plain = animal()
    marked = KeypointAnimal(plain)
    with torch.no_grad():
        marked.articulation.leave.bias.add_(1)
    other = marked.without_keypoints(animal())
    assert "markers" not in other.state_dict()
    assert (other.articulation.leave.bias == 1).all() and (plain.articulation.leave.bias == 0).all()


def test_markers_are_learnt_like_the_rest():
    groups = KeypointAnimal(animal()).parameter_groups()
    assert sum(each.shape == (len(KEYPOINTS), 3) for each in groups["rest"]) == 1
