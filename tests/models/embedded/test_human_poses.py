import torch

from models.embedded.human_poses import JOINTS, PARENTS, hinge_axes, sample_poses
from models.geometry.body import load_body
from models.geometry.kinematics import joint_motions, rodrigues
from models.methods.smplify.terms import rest_bends

BODY = load_body("weights/bodies/human")
REST = BODY.rest_joints(torch.zeros(1, BODY.shapes))[0]
AXES = hinge_axes(REST)


def bent(joint: str) -> torch.Tensor:
    """Where the joints are when one hinge is bent by a right angle."""
    turns = torch.zeros(24, 3)
    turns[JOINTS.index(joint)] = 1.57 * AXES[JOINTS.index(joint)]
    motions = joint_motions(REST, PARENTS, rodrigues(turns))
    return (motions[:, :3, :3] @ REST[..., None])[..., 0] + motions[:, :3, 3]


def test_knees_bend_backwards_and_elbows_forwards():
    for joint, end, sign in (("left_knee", "left_ankle", -1), ("right_elbow", "right_wrist", 1)):
        moved = bent(joint)[JOINTS.index(end)] - REST[JOINTS.index(end)]
        assert sign * moved[2] > 0 and moved[1] > 0.15, joint


def test_only_knees_and_elbows_are_hinges():
    hinges = [name for name, axis in zip(JOINTS, AXES, strict=True) if axis.any()]
    assert sorted(hinges) == ["left_elbow", "left_knee", "right_elbow", "right_knee"]


def test_poses_depend_on_their_generator_alone_and_leave_the_root():
    poses, again = (sample_poses(50, AXES, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(poses, again) and not poses[:, 0].any()
    assert poses.norm(dim=-1).max() < 2.6


def test_hinges_hardly_bend_the_wrong_way_and_sides_are_alike():
    poses = sample_poses(4000, AXES, torch.Generator().manual_seed(4))
    bends = (poses * AXES).sum(-1) + rest_bends(REST, PARENTS, AXES)
    assert bends.min() > -0.35
    left, right = (poses[:, JOINTS.index(f"{side}_shoulder")].mean(0) for side in ("left", "right"))
    assert torch.allclose(left, right * torch.tensor([1.0, -1, -1]), atol=0.05)
