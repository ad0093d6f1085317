import pytest
import torch

from models.methods.smplify.state import Observed, check_enough, observe
from tests.models.geometry.test_body import ladder

BODY = ladder()
FOUR = {"a": (320.0, 240.0), "b": (640.0, 240.0, 0.5), "c": (0.0, 480.0), "tail": (320.0, 0.0)}


def test_pixels_become_coordinates_over_the_longer_side():
    observed = observe(BODY, FOUR, 640.0, 480.0)
    assert observed.points[0, :2].tolist() == [[0, 0], [1, 0]]
    assert observed.points[0, 2].tolist() == [-1, 0.75]
    assert observed.confidence[0].tolist() == [1, 0.5, 1, 0, 0, 0, 1]


def test_a_joint_outside_of_the_picture_is_refused_unless_nobody_trusts_it():
    with pytest.raises(ValueError, match=r"joint d is at \(700, 10\), outside of the picture of 640 x 480"):
        observe(BODY, FOUR | {"d": (700.0, 10.0)}, 640.0, 480.0)
    assert observe(BODY, FOUR | {"d": (700.0, 10.0, 0.0)}, 640.0, 480.0).confidence[0, 3] == 0


def test_joints_of_another_skeleton_are_named():
    with pytest.raises(ValueError, match="joints left_hoof are those of another skeleton; this body has a, b, c"):
        observe(BODY, FOUR | {"left_hoof": (1.0, 1.0)}, 640.0, 480.0)


def test_fewer_than_four_joints_are_refused():
    with pytest.raises(ValueError, match="3 joints are known; a body is fitted to at least 4"):
        observe(BODY, {name: FOUR[name] for name in ("a", "b", "c")}, 640.0, 480.0)
    with pytest.raises(ValueError, match="0 joints"):
        check_enough(Observed(torch.zeros(2, 7, 2), torch.tensor([[1.0] * 7, [0.0] * 7])))
