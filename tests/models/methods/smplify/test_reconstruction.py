from dataclasses import replace

import pytest
import torch

from models.data.crops import Crops
from models.export.photo_coat import is_wearer
from models.geometry.kinematics import blend, bone_motions
from models.methods.smplify.model import BodyFitter
from models.methods.smplify.presets import LAPTOP
from models.rendering.reconstruction import Reconstruction, Renderable
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.smplify.test_config import SETTING, SHORT


@pytest.fixture(scope="module")
def answerer():
    return SHORT.load({}, SETTING)


@pytest.fixture(scope="module")
def answer(answerer):
    return answerer.predict(Crops([crop(seed) for seed in range(2)], 64, CPU).batch(torch.arange(2)))


def test_it_can_be_drawn_and_worn_and_rigged(answer):
    assert isinstance(answer, Reconstruction) and isinstance(answer, Renderable) and is_wearer(answer)
    picture = answer.render(32)
    assert picture.rgb.shape[:3] == (2, 32, 32)


def test_its_angles_pose_it_as_it_stands(answer):
    again = answer.posed(answer.angles())
    assert (again.surface - answer.surface).abs().max() < 1e-3
    still = answer.posed(torch.zeros_like(answer.angles()))
    assert (still.surface - answer.unposed).abs().max() < 1e-3


def test_its_bones_are_magicponys(answer):
    rig, angles = answer.rig(), answer.angles()
    assert len(rig.parents) == 20 and answer.legs == 4
    moved = blend(answer.rest().vertices, answer.skin_weights(), bone_motions(rig, angles))
    assert (moved - answer.surface).abs().max() < 1e-2
    foot, knee = answer.body.joints.index("left_fore_lower"), answer.body.joints.index("left_fore_middle")
    heads = answer.body.joint_regressor @ answer.unposed
    assert torch.allclose(rig.ends[:, 8, 0], heads[:, foot]) and torch.allclose(rig.ends[:, 9, 1], heads[:, foot])
    assert torch.allclose(rig.ends[:, 9, 0], heads[:, knee])


def test_one_of_them_several_times(answer):
    thrice = answer.pick(1, 3)
    assert len(thrice) == len(thrice.camera) == 3 and torch.equal(thrice.mesh(2).vertices, answer.mesh(1).vertices)


def test_the_mask_of_the_crop_moves_the_answer_where_it_has_a_weight(answerer, answer):
    batch = Crops([crop(seed) for seed in range(2)], 64, CPU).batch(torch.arange(2))
    weighed = BodyFitter.of(answerer.body, SHORT.fit.model_copy(update={"stages": LAPTOP.stages}))
    fitted = replace(answerer, fitter=weighed).predict(batch).surface
    assert not torch.equal(fitted, answer.surface)
    nothing_found = replace(batch, mask=batch.mask * torch.tensor([1.0, 0.0])[:, None, None])
    one_is_missing = replace(answerer, fitter=weighed).predict(nothing_found).surface
    assert torch.allclose(one_is_missing[0], fitted[0], atol=1e-3) and one_is_missing.isfinite().all()
    assert not torch.allclose(one_is_missing[1], fitted[1], atol=1e-3)


def test_landmarks_that_nobody_trusts_are_all_taken(answerer):
    places = torch.zeros(2, len(answerer.reading.names), 2)
    trust = torch.zeros(places.shape[:2])
    trust[1, :5] = 0.5
    observed = answerer._observe(places, trust)
    assert observed.confidence.sum(1).tolist() == [len(answerer.reading.names), 2.5]
