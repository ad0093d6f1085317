import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from models.core.errors import MissingWeights
from models.geometry.body import ParametricBody, check_body, load_body, save_body
from models.geometry.kinematics import rodrigues

PARENTS = (-1, 0, 1, 1, 3)


def ladder(corrections: bool = False) -> ParametricBody:
    """A body of random numbers: 30 vertices, 5 joints, 3 directions of shape."""
    generator = torch.Generator().manual_seed(0)

    def random(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=generator)

    weights = random(30, 5) * (random(30, 5) > 0.3)
    weights[:, 0] += 0.1
    weights = torch.where(weights >= weights.topk(4, 1).values[:, 3:], weights, 0)
    regressors = [torch.where(random(count, 30) > 0.8, random(count, 30), 0) + 1e-3 for count in (5, 2)]
    return ParametricBody(
        template=random(30, 3),
        shape_directions=(0.1 * (random(30, 3, 3) - 0.5)).half().float(),
        joint_regressor=regressors[0] / regressors[0].sum(1, keepdim=True),
        keypoint_regressor=regressors[1] / regressors[1].sum(1, keepdim=True),
        weights=weights / weights.sum(1, keepdim=True),
        faces=torch.arange(30).view(10, 3),
        hinges=torch.zeros(5, 3),
        poses=torch.zeros(40, 5, 3),
        joints=tuple("abcde"),
        parents=PARENTS,
        keypoints=("nose", "tail"),
        pose_directions=(0.05 * (random(30, 3, 36) - 0.5)).half().float() if corrections else None,
    )


def drawn(body: ParametricBody, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randn(4, body.shapes, generator=generator)
    return shape, torch.randn(4, len(body.joints), 3, generator=generator)


def forward_kinematics(body: ParametricBody, shape: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Independent of the code: float64, one vertex and one bone at a time, rotations by scipy."""
    parts = {
        name: getattr(body, name).double().numpy()
        for name in ("template", "shape_directions", "joint_regressor", "weights")
    }
    rest = parts["template"] + parts["shape_directions"] @ shape
    joints = parts["joint_regressor"] @ rest
    rotations = [Rotation.from_rotvec(turn).as_matrix() for turn in turns]
    if body.pose_directions is not None:
        change = np.concatenate([(rotation - np.eye(3)).ravel() for rotation in rotations[1:]])
        rest = rest + body.pose_directions.double().numpy() @ change
    world: list[tuple[np.ndarray, np.ndarray]] = []
    for joint, parent in enumerate(body.parents):
        if parent < 0:
            world.append((rotations[joint], joints[joint]))
        else:
            above, origin = world[parent]
            world.append((above @ rotations[joint], origin + above @ (joints[joint] - joints[parent])))
    vertices = np.zeros_like(rest)
    for vertex in range(len(rest)):
        for joint, (turn, origin) in enumerate(world):
            vertices[vertex] += parts["weights"][vertex, joint] * (turn @ (rest[vertex] - joints[joint]) + origin)
    return vertices, np.stack([origin for _, origin in world])


@pytest.mark.parametrize("corrections", [False, True])
def test_posing_equals_an_independent_forward_kinematics(corrections):
    body = ladder(corrections)
    shape, turns = drawn(body)
    posed = body.posed(shape, rodrigues(turns))
    for row in range(len(shape)):
        vertices, joints = forward_kinematics(body, shape[row].double().numpy(), turns[row].double().numpy())
        assert np.abs(posed.vertices[row].numpy() - vertices).max() < 1e-5
        assert np.abs(posed.joints[row].numpy() - joints).max() < 1e-5


def test_the_rest_pose_of_the_mean_shape_is_the_template():
    body = ladder()
    posed = body.posed(torch.zeros(1, 3), torch.eye(3).expand(1, 5, 3, 3))
    assert (posed.vertices[0] - body.template).abs().max() < 1e-6
    assert (posed.joints - body.rest_joints(torch.zeros(1, 3))).abs().max() < 1e-6


def test_a_turn_of_the_root_turns_everything_about_it():
    body = ladder()
    shape, turns = drawn(body)
    still = torch.cat((torch.zeros(4, 1, 3), turns[:, 1:]), 1)
    turn, root = rodrigues(turns[:, 0]), body.rest_joints(shape)[:, :1]
    wanted = (body.posed(shape, rodrigues(still)).vertices - root) @ turn.mT + root
    assert (body.posed(shape, rodrigues(turns)).vertices - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("corrections", [False, True])
def test_the_skeletal_body_has_the_same_joints_and_keypoints(corrections):
    body = ladder(corrections)
    shape, turns = drawn(body)
    bones = body.skeletal()
    whole, few = (each.landmarks_of(each.posed(shape, rodrigues(turns))) for each in (body, bones))
    assert (whole - few).abs().max() < 1e-5 and len(bones.landmarks) == whole.shape[1] == 7


def test_vertices_of_the_surface_that_are_asked_for_come_last_and_move_no_landmark():
    body = ladder(True)
    shape, turns = drawn(body)
    chosen = torch.tensor([3, 0])
    bones = body.skeletal(chosen)
    whole, few = (each.posed(shape, rodrigues(turns)) for each in (body, bones))
    assert (few.vertices[:, -2:] - whole.vertices[:, chosen]).abs().max() < 1e-5
    assert (body.landmarks_of(whole) - bones.landmarks_of(few)).abs().max() < 1e-5


def test_a_body_is_read_as_it_was_written(tmp_path):
    body = ladder(corrections=True)
    save_body(body, tmp_path / "it" / "body.safetensors", {"licence": "CC0-1.0"})
    again = load_body(str(tmp_path / "it"))
    for field in dataclasses.fields(body):
        ours, theirs = getattr(body, field.name), getattr(again, field.name)
        same = torch.allclose(ours, theirs, atol=1e-6) if isinstance(ours, torch.Tensor) else ours == theirs
        assert same, field.name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parents": (-1, 2, 1, 1, 3)}, "parents are"),
        ({"parents": (-1, 0, 1, 1)}, "parents is"),
        ({"weights": torch.full((30, 5), 0.3)}, "weights are negative"),
        ({"faces": torch.tensor([[0, 1, 30]])}, "faces name vertices up to 30"),
        ({"keypoints": ("nose", "a")}, "a name twice"),
    ],
)
def test_what_no_body_can_be_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        check_body(dataclasses.replace(ladder(), **change))


def test_an_absent_body_and_a_torn_one_say_so(tmp_path):
    with pytest.raises(MissingWeights, match="there is no body.safetensors"):
        load_body(str(tmp_path))
    save_body(ladder(), tmp_path / "body.safetensors", {})
    whole = (tmp_path / "body.safetensors").read_bytes()
    (tmp_path / "body.safetensors").write_bytes(whole[:-40])
    with pytest.raises(MissingWeights, match="the body in"):
        load_body(str(tmp_path))
