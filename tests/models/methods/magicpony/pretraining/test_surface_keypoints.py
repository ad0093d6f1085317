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


def test_markers_begin_where_an_animal_has_them():
    markers = dict(zip(KEYPOINTS, KeypointAnimal(animal()).markers.tolist(), strict=True))
    front, middle, hind = (markers[name][2] for name in ("nose", "withers", "tail_base"))
    assert front > middle > 0 > hind
    hooves = {name for name in KEYPOINTS if name.endswith("hoof")}
    knees = [markers[name][1] for name in KEYPOINTS if name.endswith(("knee", "hock"))]
    assert max(markers[name][1] for name in hooves) < min(knees) and max(knees) < 0
    assert all(markers[name][1] > 0 for name in ("nose", "left_eye", "left_ear", "throat", "withers", "tail_base"))


def test_an_animal_comes_back_as_it_was_marked():
    plain = animal()
    marked = KeypointAnimal(plain)
    with torch.no_grad():
        marked.articulation.leave.bias.add_(1)
    other = marked.finish(animal())
    assert "markers" not in other.state_dict()
    config = TINY.animal.model_copy(update={"keypoints": KEYPOINTS})
    assert torch.equal(marked.finish(config.build(QUADRUPED, tiny_vit())).markers, marked.markers)
    assert (other.articulation.leave.bias == 1).all() and (plain.articulation.leave.bias == 0).all()


def test_markers_are_learnt_like_the_rest():
    groups = KeypointAnimal(animal()).parameter_groups()
    assert sum(each.shape == (len(KEYPOINTS), 3) for each in groups["rest"]) == 1
