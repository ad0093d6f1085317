import torch

from models.geometry.kinematics import rodrigues
from models.metrics.joint_error import joint_error

JOINTS = torch.randn(3, 12, 3, generator=torch.Generator().manual_seed(0))


def test_a_moved_turned_and_scaled_body_has_no_error():
    turn = rodrigues(torch.tensor([[0.3, -2.0, 1.0]] * 3))
    assert joint_error(0.4 * JOINTS @ turn + 5, JOINTS).max() < 1e-5


def test_a_mirror_image_is_no_rotation():
    assert joint_error(JOINTS * torch.tensor([-1.0, 1, 1]), JOINTS).min() > 0.3


def test_the_error_is_in_the_unit_of_the_truth():
    noise = torch.randn(3, 12, 3, generator=torch.Generator().manual_seed(1))
    error = joint_error(JOINTS + 0.01 * noise, JOINTS)
    assert (error > 0.005).all() and (error < 0.02).all()
    assert torch.allclose(
        joint_error(JOINTS, 100 * JOINTS + noise), joint_error(JOINTS, JOINTS + noise / 100) * 100, rtol=1e-3
    )
