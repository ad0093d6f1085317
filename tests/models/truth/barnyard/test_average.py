import numpy as np

from models.truth.barnyard.average import legs, rig_joints
from models.truth.barnyard.rig import BONES, OPPOSITE
from models.truth.barnyard.solids import Solid


def test_right_joints_mirror_left_ones():
    left = [(0.3, -float(i), 0.5) for i in range(3)]
    joints = rig_joints([(0.0, 0.1 * i, float(i)) for i in range(8)], left, left, [(0.0, 0.0, -1.0), (0.0, 0.0, -2.0)])
    assert joints.shape == (len(BONES), 3)
    assert np.array_equal(joints[list(OPPOSITE)], joints * (-1, 1, 1))


def test_a_leg_is_one_chain_from_hip_to_hoof():
    points = [(0.3, -0.4 * i, 0.0) for i in range(5)]
    solids: list[Solid] = legs(points, points, [0.2] * 6, [0.2] * 6)
    fore = [solid for solid in solids if solid.bone < 14]
    assert [solid.part for solid in fore] == ["left_fore_leg"] * 4 + ["hoof"]
    assert all(np.allclose(a.end, b.start, atol=0.2) for a, b in zip(fore, fore[1:], strict=False))
