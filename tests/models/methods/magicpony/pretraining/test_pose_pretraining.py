from copy import deepcopy

import pytest
import torch

from models.core.schedule import Schedule
from models.data.crops import Crops
from models.data.ground_truth import Truth
from models.engine.loop import NoCheckpoints
from models.methods.magicpony.pretraining.pose_pretraining import PosePretrainingConfig, pretrain_pose
from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.rendering import ReferenceConfig
from tests.models.data.test_crops import crop
from tests.models.methods.magicpony.pretraining.test_quadruped import QUADRUPED, TINY, tiny_vit

CONFIG = PosePretrainingConfig(steps=60, batch=4, rate=5e-3, ema_decay=0.9)
RENDERER = ReferenceConfig().build("cpu")


@pytest.fixture(scope="module")
def animal():
    """An ellipsoid with markers."""
    torch.manual_seed(0)
    return KeypointAnimal(TINY.animal.build(QUADRUPED, tiny_vit()))


@pytest.fixture(scope="module")
def crops():
    """Four crops whose animals stand still, seen from four sides."""
    towards = torch.tensor([[0.6, 0.0, 0.8], [-0.6, 0.0, 0.8], [0.6, 0.0, -0.8], [-0.8, 0.0, -0.6]])
    keypoints = 0.6 * torch.rand(4, 16, 3, generator=torch.Generator().manual_seed(0)) - 0.3
    surface = 0.5 * torch.randn(4, 60, 3, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    truth = Truth(towards, keypoints, surface, torch.zeros(4, 4), torch.arange(16))
    return Crops([crop(seed, size=32) for seed in range(4)], 32, torch.device("cpu"), None, truth)


def pretrained(animal, crops, config=CONFIG):
    learner = deepcopy(animal)
    pretrain_pose(learner, crops, RENDERER, config, 1, NoCheckpoints())
    return learner


def misses(learner, crops):
    """Distance of each camera's direction from the known one, and of the markers from the keypoints."""
    batch = crops.batch(torch.arange(4))
    learner.train()
    with torch.no_grad():
        found = learner(batch, 1.0, torch.Generator().manual_seed(0))
        near = (-(learner.markers[:, None] - found.prior).square().sum(-1) / 0.02).softmax(-1)
        points = found.camera.project(near @ found.mesh.vertices)
    direction = (found.camera.T_camera_world[:, 2, :3] - batch.truth.towards).norm(dim=-1)
    return direction.mean(), (points - batch.truth.keypoints[..., :2]).norm(dim=-1).mean()


def test_keypoints_and_cameras_come_nearer_to_the_truth(animal, crops):
    # The silhouettes of the material are those of other animals than its keypoints: they may not weigh most.
    config = CONFIG.model_copy(update={"mask": 3.3, "mask_distance": 10.0})
    before, after = misses(animal, crops), misses(pretrained(animal, crops, config), crops)
    assert after[0] < 0.6 * before[0] and after[1] < 0.8 * before[1]


def test_what_pulls_a_surface_into_ripples_is_held_by_its_strain(animal, crops):
    ripples = []
    for strain in (0.0, 50.0):
        learner = pretrained(animal, crops, CONFIG.model_copy(update={"strain": strain, "surface": 30.0, "rate": 2e-2}))
        with torch.no_grad():
            points = torch.tensor([[0.0, 0.5, 0.05 * step] for step in range(-20, 21)])
            shift = learner.deformation(points, learner.key_code(learner.tokens(crops.batch(torch.arange(4)), True)[1]))
        ripples.append(shift.diff(dim=1).norm(dim=-1).mean())
    assert ripples[1] < 0.7 * ripples[0]


def test_feature_field_colours_and_light_stay_bit_for_bit(animal, crops):
    after, before = pretrained(animal, crops).state_dict(), animal.state_dict()
    for name in before:
        if name.startswith(("prior.feature.", "albedo.", "light.", "out_code.")):
            assert torch.equal(before[name], after[name]), name


def test_the_prior_shape_learns_and_stays_a_distance(animal, crops):
    slopes = []
    for weight in (0.03, 3.0):
        learner = pretrained(
            animal, crops, CONFIG.model_copy(update={"rate_prior": 1e-3, "steps": 30, "eikonal": weight})
        )
        points = torch.rand(500, 3, generator=torch.Generator().manual_seed(3)) * 4 - 2
        assert (learner.prior(points) - animal.prior(points)).abs().max() > 0.01
        (slope,) = torch.autograd.grad(learner.prior(points.requires_grad_()).sum(), points)
        slopes.append((slope.norm(dim=-1) - 1).abs().mean())
    assert slopes[1] < 0.95 * slopes[0]


def test_the_same_seed_gives_the_same_weights(animal, crops):
    first, again = (pretrained(animal, crops, CONFIG.model_copy(update={"steps": 3})).state_dict() for _ in "ab")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_it_ends_at_the_running_mean_of_its_weights(animal, crops):
    one = {"steps": 1, "lr_schedule": Schedule(1.0)}
    ends = [pretrained(animal, crops, CONFIG.model_copy(update={**one, "ema_decay": share})) for share in (0.0, 0.75)]
    start, last, mean = (learner.markers.detach() for learner in (animal, *ends))
    assert (last - start).abs().max() > 1e-3
    torch.testing.assert_close(mean, 0.75 * start + 0.25 * last)


def test_shapes_are_those_of_the_fine_grid(crops):
    learnt = []
    for grid in (8, 12):
        prior = TINY.animal.prior.model_copy(update={"grid": grid})
        learner = KeypointAnimal(TINY.animal.model_copy(update={"prior": prior}).build(QUADRUPED, tiny_vit()))
        learnt.append(pretrained(learner, crops, CONFIG.model_copy(update={"steps": 3})).parameters())
    assert all(torch.equal(coarse, fine) for coarse, fine in zip(*learnt, strict=True))
