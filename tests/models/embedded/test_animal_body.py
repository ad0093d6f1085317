import dataclasses

import pytest
import torch

from models.core.category import Skeleton
from models.embedded.animal_body import distil_animal_body
from models.geometry.body import check_body, load_body
from models.geometry.cameras import look_at
from models.geometry.kinematics import rodrigues
from models.methods.smplify.reconstruction import BodyReconstruction
from models.methods.smplify.state import BodyFit
from models.rendering.reference import Reference

COW = load_body("weights/bodies/cow")
ANIMALS = 24


@pytest.fixture(scope="module")
def answers():
    """Cows of two directions of shape, from all sides, each in one of the poses that the body knows."""
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(ANIMALS, COW.shapes, generator=generator)
    shape[:, 2:] = 0
    angles = COW.poses[:ANIMALS]
    camera = look_at(torch.rand(ANIMALS, generator=generator) * 6.28, torch.zeros(ANIMALS))
    posed = COW.posed(shape, rodrigues(angles)).vertices
    fit = BodyFit(angles, shape, camera, torch.zeros(ANIMALS), torch.zeros(ANIMALS))
    return BodyReconstruction(COW, Skeleton(), Reference(), fit, COW.shaped(shape), posed, torch.ones(ANIMALS, 3))


@pytest.fixture(scope="module")
def distilled(answers):
    known = answers.camera.project(COW.keypoint_regressor @ answers.surface)
    return distil_animal_body([answers], known, COW.keypoints, 2)


def test_the_body_is_that_of_the_animals_it_was_made_from(distilled, answers):
    body, share = distilled
    check_body(body)
    assert share == pytest.approx(1, abs=1e-4)
    assert body.joints == COW.joints and body.parents == COW.parents
    rest = answers.unposed
    apart = body.joint_regressor @ rest - COW.joint_regressor @ rest
    assert apart[:, 1:].norm(dim=-1).mean() < 0.03, "an animal is 4 units long"


def test_its_poses_are_those_of_the_photos(distilled, answers):
    body, _ = distilled
    assert (rodrigues(body.poses) - rodrigues(answers.fit.angles)).abs().max() < 1e-2


def test_its_keypoints_are_where_the_photos_show_them(distilled, answers):
    body, _ = distilled
    ours, theirs = (each.keypoint_regressor @ answers.surface for each in (body, COW))
    assert (ours - theirs).norm(dim=-1).mean() < 0.1


def test_a_model_without_a_camera_is_refused(answers):
    @dataclasses.dataclass(frozen=True)
    class Blind(BodyReconstruction):
        camera = None

    blind = Blind(*(getattr(answers, field.name) for field in dataclasses.fields(answers)))
    with pytest.raises(ValueError, match="predicts no camera"):
        distil_animal_body([blind], torch.zeros(ANIMALS, 16, 2), COW.keypoints, 2)
