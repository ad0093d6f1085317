"""Quaternions agree with scipy, to which storage owes nothing else."""

import numpy as np
from scipy.spatial.transform import Rotation

from storage.formats.rotations import matrices, quaternions

TURNS = Rotation.random(50, rng=0)
HALF_TURNS = Rotation.from_rotvec(np.pi * np.eye(3))


def test_matrices_agree_with_scipy() -> None:
    np.testing.assert_allclose(matrices(TURNS.as_quat()), TURNS.as_matrix(), atol=1e-12)


def test_quaternions_come_back_up_to_sign() -> None:
    for turns in (TURNS, HALF_TURNS, Rotation.identity(1)):
        found, expected = quaternions(turns.as_matrix()), turns.as_quat()
        np.testing.assert_allclose(np.abs((found * expected).sum(-1)), 1, atol=1e-12)
