"""Bones in the terms of files agree with scipy's rotations."""

import numpy as np
from scipy.spatial.transform import Rotation

from models.geometry.kinematics import INFLUENCES
from storage.formats.joints import SLOTS, matrices, quaternions, strongest

TURNS = Rotation.random(50, rng=0)
HALF_TURNS = Rotation.from_rotvec(np.pi * np.eye(3))


def test_a_vertex_keeps_its_four_strongest_bones() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(7, 0.3), 50)
    bones, kept = strongest(weights)
    assert bones.shape == kept.shape == (50, 4)
    np.testing.assert_allclose(kept.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(bones[:, 0], weights.argmax(1))
    assert (bones[kept == 0] == 0).all()


def test_a_file_takes_all_bones_that_a_model_gives_a_vertex() -> None:
    weights = np.zeros((1, 2 * INFLUENCES))
    weights[0, ::2] = np.arange(INFLUENCES, 0, -1) / np.arange(INFLUENCES + 1).sum()
    bones, kept = strongest(weights)
    assert INFLUENCES <= SLOTS and set(bones[kept > 0]) == set(range(0, 2 * INFLUENCES, 2))
    np.testing.assert_allclose(kept[0, :INFLUENCES], weights[0, ::2], atol=1e-6)


def test_matrices_agree_with_scipy() -> None:
    np.testing.assert_allclose(matrices(TURNS.as_quat()), TURNS.as_matrix(), atol=1e-12)


def test_quaternions_come_back_up_to_sign() -> None:
    for turns in (TURNS, HALF_TURNS, Rotation.identity(1)):
        answers, expected = quaternions(turns.as_matrix()), turns.as_quat()
        np.testing.assert_allclose(np.abs((answers * expected).sum(-1)), 1, atol=1e-12)
