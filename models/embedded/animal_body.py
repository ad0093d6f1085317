"""A parametric body of an animal, distilled from what a rigged model makes of many photos.

The model gives all its animals the same vertices and bones: their rest shapes are registered already. A bone is the
joint at its inner end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from models.core.category import Skeleton
from models.embedded.body_fitting import axis_angles, fit_keypoints, fit_regressor, fit_shapes, keep_strongest
from models.geometry.body import ParametricBody
from models.geometry.kinematics import INFLUENCES, bone_frames, euler_xyz
from models.geometry.skeleton import Rig, bone_names
from models.rendering.reconstruction import Reconstruction, Rigged

ROOT = "middle"


class RiggedAnswer(Reconstruction, Rigged, Protocol):
    """What the model makes of a batch of photos."""


@dataclass(frozen=True)
class _Registered:
    """Many animals, each with the same vertices and bones."""

    rest: Float[Tensor, "animals vertices 3"]
    ends: Float[Tensor, "animals bones 2 3"]
    weights: Float[Tensor, "animals vertices bones"]
    angles: Float[Tensor, "animals bones 3"]
    projected: Float[Tensor, "animals vertices 3"]


@torch.no_grad()
def distil_animal_body(
    answers: Sequence[RiggedAnswer],
    known: Float[Tensor, "animals keypoints 2"],
    keypoints: tuple[str, ...],
    shapes: int,
) -> tuple[ParametricBody, float]:
    """The body, and the share of the variance of the rest shapes that its directions hold.

    `known` is where the keypoints fall in the photos; they end up on the vertices that the model puts nearest to them.
    """
    registered = _register(answers)
    bones, names = _sorted_bones(answers[0].rig(), answers[0].legs)
    mean, directions, share = fit_shapes(registered.rest.numpy(), shapes)
    half = (registered.ends.shape[1] - 3 * answers[0].legs) // 2
    root = registered.ends[:, half - 1, :1]
    joints = torch.cat((root, registered.ends[:, bones, 0]), 1).numpy()
    weights = keep_strongest(registered.weights.mean(0)[:, bones].numpy(), INFLUENCES).astype(np.float32)
    flat = torch.cat((known, torch.zeros_like(known[..., :1])), -1)
    body = ParametricBody(
        template=torch.from_numpy(mean),
        shape_directions=torch.from_numpy(directions).float(),
        joint_regressor=torch.from_numpy(fit_regressor(joints, registered.rest.numpy())),
        keypoint_regressor=fit_keypoints(flat, registered.projected),
        weights=torch.nn.functional.pad(torch.from_numpy(weights), (1, 0)),
        faces=answers[0].rest().faces.cpu(),
        hinges=torch.zeros(1 + len(bones), 3),
        poses=_poses(registered)[:, [0, *(1 + bone for bone in bones)]],
        joints=(ROOT, *names),
        parents=_parents(answers[0].rig(), bones),
        keypoints=keypoints,
    )
    return body, share


def _register(answers: Sequence[RiggedAnswer]) -> _Registered:
    parts: list[tuple[Tensor, ...]] = []
    for answer in answers:
        camera = answer.camera
        if camera is None:
            raise ValueError("the model predicts no camera; a body is distilled from one that does")
        posed = torch.cat([_vertices(answer, row) for row in range(len(answer))])
        projected = torch.nn.functional.pad(camera.project(posed), (0, 1))
        rest = answer.rest().vertices.expand(len(answer), -1, -1)
        parts.append((rest, answer.rig().ends, answer.skin_weights(), answer.angles(), projected))
    return _Registered(*(torch.cat(part).cpu() for part in zip(*parts, strict=True)))


def _vertices(answer: RiggedAnswer, row: int) -> Float[Tensor, "1 vertices 3"]:
    mesh = answer.mesh(row)
    if mesh is None:
        raise ValueError("the model gives no mesh; a body is distilled from one that does")
    return mesh.vertices


def _sorted_bones(rig: Rig, legs: int) -> tuple[list[int], tuple[str, ...]]:
    """Bones such that each comes after the one that carries it, and their names."""
    names = bone_names(Skeleton(body_bones=len(rig.parents) - 3 * legs, legs=legs))

    def depth(bone: int) -> int:
        return 0 if rig.parents[bone] < 0 else 1 + depth(rig.parents[bone])

    bones = sorted(range(len(rig.parents)), key=depth)
    return bones, tuple(names[bone] for bone in bones)


def _parents(rig: Rig, bones: Sequence[int]) -> tuple[int, ...]:
    """Bones that hang on nothing hang on the root."""
    return (-1, *(0 if rig.parents[bone] < 0 else 1 + bones.index(rig.parents[bone]) for bone in bones))


def _poses(registered: _Registered) -> Float[Tensor, "animals joints 3"]:
    """Turns of the bones about axes of the object frame, those of the root before them."""
    frame = bone_frames(registered.ends)[..., :3, :3]
    turns = axis_angles((frame @ euler_xyz(registered.angles) @ frame.mT).numpy().astype(np.float64))
    return torch.nn.functional.pad(torch.from_numpy(turns).float(), (0, 0, 1, 0))
