import numpy as np
import pytest

from models.truth.barnyard.actions import ACTIONS, pose
from models.truth.barnyard.anatomy import body
from models.truth.barnyard.rig import HEAD, KEYPOINTS, pose_vertices
from models.truth.barnyard.species import SPECIES


def posed(category, action, seed=0):
    rest = body(category, 0)
    ground = float(rest.vertices[:, 1].min())
    angles = pose(action, rest.joints, rest.vertices[rest.keypoints[0]], ground, np.random.default_rng(seed))
    return rest, angles, pose_vertices(rest.vertices, rest.weights, rest.joints, angles)


@pytest.mark.parametrize("category", SPECIES)
def test_a_grazing_nose_is_low_and_above_the_ground(category):
    nose = KEYPOINTS.index("nose")
    for seed in range(5):
        rest, _, vertices = posed(category, "grazing", seed)
        height = vertices[rest.keypoints[nose], 1] - vertices[:, 1].min()
        stands = rest.vertices[rest.keypoints[nose], 1] - rest.vertices[:, 1].min()
        assert -0.05 < height < 0.5 * stands


@pytest.mark.parametrize("action", ACTIONS)
def test_angles_are_moderate_and_repeat(action):
    _, angles, _ = posed("horse", action)
    assert np.abs(angles).max() < 1.6
    assert np.array_equal(angles, posed("horse", action)[1])


def test_running_legs_swing_further_than_walking_legs():
    spread = {action: np.std([posed("horse", action, seed)[1][8:20, 0] for seed in range(8)]) for action in ACTIONS}
    assert spread["running"] > spread["walking"] > spread["standing"]


def test_standing_keeps_the_head_up():
    rest, angles, _ = posed("cow", "standing")
    assert abs(angles[HEAD, 0]) < 0.3
