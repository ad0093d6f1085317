from math import radians, tan

import pytest
import torch

from models.geometry.body import load_body
from models.geometry.kinematics import rodrigues
from models.methods.smplify.model import BodyFitter, FitConfig, _Problem
from models.methods.smplify.state import BodyFit, Observed
from models.metrics.joint_error import joint_error
from models.rendering.reference import Reference

BODY = load_body("weights/bodies/human")
FITTER = BodyFitter.of(BODY)
PEOPLE = 4
STAGES = FitConfig().stages


def photograph(angles: torch.Tensor, shape: torch.Tensor) -> tuple[Observed, torch.Tensor]:
    """All joints of people who stand four metres away and turn by a quarter, one more each."""
    rotations = rodrigues(angles)
    turn = torch.zeros(len(angles), 3)
    turn[:, 1] = torch.arange(len(angles)) * 1.57
    rotations[:, 0] = rodrigues(turn)
    posed = FITTER.body.posed(shape, rotations)
    landmarks = FITTER.body.landmarks_of(posed) - posed.joints[:, :1] - torch.tensor((0.0, 0.0, 5.0))
    half = tan(radians(25) / 2)
    points = landmarks[..., :2] * torch.tensor((1.0, -1.0)) / (-landmarks[..., 2:] * half)
    return Observed(points, torch.ones(points.shape[:2])), posed.joints


@pytest.fixture(scope="module")
def people() -> tuple[Observed, torch.Tensor, BodyFit]:
    angles = BODY.poses[::97][:PEOPLE].clone()
    shape = torch.linspace(-1, 1, PEOPLE)[:, None] * torch.ones(BODY.shapes)
    observed, joints = photograph(angles, shape)
    return observed, joints, FITTER.fit(observed)


def fitted_joints(fit: BodyFit) -> torch.Tensor:
    return FITTER.body.posed(fit.shape, rodrigues(fit.angles)).joints


def test_the_fitted_people_stand_as_those_of_the_pictures_do(people):
    _, joints, fit = people
    assert joint_error(fitted_joints(fit), joints).mean() < 0.08
    assert fit.miss.max() < 0.02 and not fit.angles[:, 0].any()


def test_the_camera_sees_the_fitted_body_where_the_joints_are(people):
    observed, _, fit = people
    body = FITTER.body
    landmarks = body.landmarks_of(body.posed(fit.shape, rodrigues(fit.angles)))
    box = (observed.points.amax(1) - observed.points.amin(1)).amax(1)
    miss = (fit.camera.project(landmarks) - observed.points).norm(dim=-1).mean(1)
    assert torch.allclose(miss / box, fit.miss, atol=1e-4)


def test_the_camera_is_on_the_side_from_which_each_was_seen(people):
    _, _, fit = people
    wanted = -torch.arange(PEOPLE) * 1.57
    apart = (fit.camera.azimuth - wanted + torch.pi) % (2 * torch.pi) - torch.pi
    assert apart.abs().max() < 0.3


def test_every_start_stands_about_where_the_person_does(people):
    observed, _, _ = people
    depth = -_Problem.of(FITTER, observed).starts()[:, -1]
    assert (depth / 5).log().abs().max() < 0.4, "five metres away, of a body of the average size"


def test_the_pose_prior_is_worth_more_than_squared_angles(people):
    observed, joints, fit = people
    plain = BodyFitter.of(BODY, FitConfig(components=0)).fit(observed)
    assert joint_error(fitted_joints(fit), joints).mean() < 0.8 * joint_error(fitted_joints(plain), joints).mean()


def seen(fit: BodyFit) -> torch.Tensor:
    """Masks of fitted people."""
    vertices = BODY.posed(fit.shape, rodrigues(fit.angles)).vertices
    return Reference().rasterize(fit.camera.to_clip(vertices), BODY.faces, 64).face >= 0


def overlap(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    return (ours & theirs).sum((1, 2)) / (ours | theirs).sum((1, 2))


def test_a_descent_with_the_mask_brings_the_outline_nearer(people):
    observed, _, fit = people
    mask = seen(fit)[:2]
    noise = 0.03 * torch.randn(2, len(BODY.landmarks), 2, generator=torch.Generator().manual_seed(0))
    spoilt = Observed(observed.points[:2] + noise, observed.confidence[:2], mask.float())
    plain, weighed = (
        BodyFitter.of(BODY, FitConfig(stages=stages, iterations=15, sides=4, starts=1)).fit(spoilt)
        for stages in (STAGES, (*STAGES[:-1], STAGES[-1].model_copy(update={"silhouette": 5.0})))
    )
    before, after = overlap(seen(plain), mask), overlap(seen(weighed), mask)
    assert after.mean() > before.mean() + 0.005 and after.min() > 0.7


def test_a_mask_that_has_no_weight_moves_no_bit(people):
    observed, _, _ = people
    fitter = BodyFitter.of(BODY, FitConfig(iterations=3, sides=2, starts=1))
    plain = fitter.fit(observed)
    masked = fitter.fit(Observed(observed.points, observed.confidence, torch.ones(PEOPLE, 8, 8)))
    assert torch.equal(plain.angles, masked.angles) and torch.equal(plain.energy, masked.energy)


def test_fewer_than_four_joints_are_refused():
    trust = torch.zeros(1, len(BODY.landmarks))
    trust[0, :3] = 1
    with pytest.raises(ValueError, match="3 joints are known"):
        FITTER.fit(Observed(torch.zeros(1, len(BODY.landmarks), 2), trust))
