"""A fitted body as what an artist can use: its own joints as bones, and the pose of the picture as a clip."""

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation
from torch import Tensor

from models.export.asset import Asset
from models.export.rigging import PHOTO, Clip
from models.geometry.body import ParametricBody
from models.geometry.kinematics import rodrigues
from models.geometry.mesh import vertex_normals

COLOUR = (196, 178, 162)
"""Of the whole surface: joints say nothing of colours."""
TEXELS = 4
ROOT = "root"


@torch.no_grad()
def body_asset(
    body: ParametricBody,
    angles: Float[Tensor, "1 joints 3"],
    shape: Float[Tensor, "1 shapes"],
    name: str,
    scale: float = 1.0,
) -> Asset:
    """The body of this shape at rest, with a clip that holds its pose; `scale` metres to its unit.

    y = 0 is the ground, in the rest pose and in the other, and a root lies on it. Each number of the shape is a slider.
    """
    bind, posed = (body.posed(shape, rodrigues(turn)) for turn in (torch.zeros_like(angles), angles))
    ground = [float(each.vertices[0, :, 1].min()) for each in (bind, posed)]
    heads = np.concatenate((np.zeros((1, 3)), scale * (bind.joints[0].numpy() - (0, ground[0], 0))))
    frames = np.tile(np.eye(4), (len(heads), 1, 1))
    frames[:, :3, 3] = heads
    normals = vertex_normals(body.mesh(bind.vertices))[0].numpy().astype(np.float64)
    return Asset(
        name=name,
        vertices=scale * (bind.vertices[0].numpy() - (0, ground[0], 0)),
        posed=scale * (posed.vertices[0].numpy() - (0, ground[1], 0)),
        normals=normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9),
        faces=body.faces.numpy(),
        uv=np.full((len(body.template), 2), 0.5),
        texture=np.tile(np.array(COLOUR, np.uint8), (TEXELS, TEXELS, 1)),
        coverage=None,
        bones=(ROOT, *body.joints),
        parents=(-1, *(parent + 1 for parent in body.parents)),
        T_world_bone=frames,
        weights=np.insert(body.weights.numpy(), 0, 0, axis=1),
        clips={PHOTO: _still(angles[0].numpy(), scale * (ground[0] - ground[1]))},
        sliders={f"shape {number}": scale * shift for number, shift in enumerate(_shifts(body), 1)},
    )


def _shifts(body: ParametricBody) -> Float[ndarray, "shapes vertices 3"]:
    """What each number of the shape adds to the rest pose. Bones cannot follow, so they stay those of this shape."""
    return body.shape_directions.movedim(-1, 0).numpy().astype(np.float64)


def withers_scale(body: ParametricBody, shape: Float[Tensor, "1 shapes"], shoulder_height: float) -> float:
    """What makes an animal `shoulder_height` high at the withers; 1 for a body without: people are in metres."""
    if "withers" not in body.keypoints:
        return 1.0
    vertices = body.shaped(shape)[0]
    withers = (body.keypoint_regressor @ vertices)[body.keypoints.index("withers"), 1]
    return shoulder_height / float(withers - vertices[:, 1].min())


def _still(angles: Float[ndarray, "joints 3"], lift: float) -> Clip:
    """Two frames of one pose; all bind frames are parallel to the world, so turns need no change of frame."""
    turns = np.concatenate((np.array([[0.0, 0, 0, 1]]), Rotation.from_rotvec(angles.astype(np.float64)).as_quat()))
    shifts = np.zeros((2, len(turns), 3))
    shifts[:, 1, 1] = lift
    return Clip(np.array((0.0, 1.0)), np.repeat(turns[None], 2, 0), shifts, 0.0)
