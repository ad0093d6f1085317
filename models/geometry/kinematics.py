"""Linear blend skinning by MagicPony's chains of bones (fidelity F28) and by joint trees given from outside."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from models.geometry.skeleton import Rig

TEMPERATURE = 0.05
INFLUENCES = 4
"""Bones that carry a vertex at most, in bodies and in assets: engines and file formats take no more."""


def skin_weights(
    vertices: Float[Tensor, "batch vertices 3"], ends: Float[Tensor, "batch bones 2 3"]
) -> Float[Tensor, "batch vertices bones"]:
    """Share of each bone in each vertex: softmax of minus the distance to the bone over the temperature."""
    # Axis by axis: sums over a last dimension of three are slow.
    start, along = ends[:, None, :, 0].unbind(-1), (ends[:, None, :, 1] - ends[:, None, :, 0]).unbind(-1)
    reached = [x[..., None] - x0 for x, x0 in zip(vertices.detach().unbind(-1), start, strict=True)]
    share = (_dot(reached, along) / (_dot(along, along) + 1e-9)).clamp(0, 1)
    off = [r - share * a for r, a in zip(reached, along, strict=True)]
    distance = (_dot(off, off) + 1e-6).sqrt()
    return (-distance / TEMPERATURE).softmax(-1)


def bone_frames(ends: Float[Tensor, "batch bones 2 3"]) -> Float[Tensor, "batch bones 4 4"]:
    """T_world_bone at rest: origin at the inner joint, z along the bone, x as near to world x as can be."""
    z = normalize(ends[:, :, 1] - ends[:, :, 0], dim=-1)
    # A bone along world x has no nearest x: a hint of world z decides.
    sideways = z.new_tensor((1.0, 0.0, 1e-4))
    y = normalize(torch.linalg.cross(z, sideways.expand_as(z)), dim=-1)
    return _transform(torch.stack((torch.linalg.cross(y, z), y, z), -1), ends[:, :, 0])


def euler_xyz(angles: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rx Ry Rz."""
    (sx, sy, sz), (cx, cy, cz) = angles.sin().unbind(-1), angles.cos().unbind(-1)
    rows = (
        (cy * cz, -cy * sz, sy),
        (sx * sy * cz + cx * sz, cx * cz - sx * sy * sz, -sx * cy),
        (sx * sz - cx * sy * cz, cx * sy * sz + sx * cz, cx * cy),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def rodrigues(turns: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotations about these axes by their lengths in radians; the slope is finite at no turn at all."""
    angle = (turns.square().sum(-1, keepdim=True) + 1e-16).sqrt()
    (x, y, z), sine, cosine = (turns / angle).unbind(-1), angle[..., 0].sin(), angle[..., 0].cos()
    rest = 1 - cosine
    rows = (
        (cosine + rest * x * x, rest * x * y - sine * z, rest * x * z + sine * y),
        (rest * x * y + sine * z, cosine + rest * y * y, rest * y * z - sine * x),
        (rest * x * z - sine * y, rest * y * z + sine * x, cosine + rest * z * z),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def bone_motions(rig: Rig, angles: Float[Tensor, "batch bones 3"]) -> Float[Tensor, "batch bones 4 4"]:
    """T_posed_rest in the object frame: each bone turns in its rest frame, then all bones that carry it turn."""
    T_world_bone = bone_frames(rig.ends)
    turns = euler_xyz(angles)
    own = T_world_bone @ _transform(turns, torch.zeros_like(turns[..., 0])) @ _inverse(T_world_bone)
    motions: dict[int, Tensor] = {}

    def motion(bone: int) -> Float[Tensor, "batch 4 4"]:
        if bone not in motions:
            parent = rig.parents[bone]
            motions[bone] = own[:, bone] if parent < 0 else motion(parent) @ own[:, bone]
        return motions[bone]

    return torch.stack([motion(bone) for bone in range(len(rig.parents))], 1)


def joint_motions(
    joints: Float[Tensor, "*batch joints 3"], parents: Sequence[int], rotations: Float[Tensor, "*batch joints 3 3"]
) -> Float[Tensor, "*batch joints 4 4"]:
    """T_posed_rest in the object frame of a joint tree: each joint turns about itself, then all joints that carry it.

    Rotations are about axes parallel to the object frame, as those of a body (SMPL, Loper et al. 2015, section 3);
    shifts are rounded to the joints' precision. Parents come before their children; -1 is none.
    """
    points = joints.to(rotations)
    turns: list[Tensor] = []
    shifts: list[Tensor] = []
    for joint, parent in enumerate(parents):
        if parent >= joint:
            raise ValueError(f"parent of joint {joint} is {parent}; sort the joints such that parents come first")
        rotation, point = rotations[..., joint, :, :], points[..., joint, :, None]
        if parent < 0:
            above, shift = torch.eye(3).to(rotation).expand_as(rotation), torch.zeros_like(point)
        else:
            above, shift = turns[parent], shifts[parent]
        turn = above @ rotation
        turns.append(turn)
        shifts.append((above @ point + shift - turn @ point).to(joints).to(points))
    return _transform(torch.stack(turns, -3), torch.stack(shifts, -3)[..., 0])


def blend(
    vertices: Float[Tensor, "*#batch vertices 3"],
    weights: Float[Tensor, "*#batch vertices bones"],
    motions: Float[Tensor, "*#batch bones 4 4"],
) -> Float[Tensor, "*#batch vertices 3"]:
    """Posed vertices: each rest vertex moved by its bones, averaged by weight."""
    moved = (weights @ motions[..., :3, :].flatten(-2)).unflatten(-1, (3, 4))
    return (moved[..., :3] * vertices[..., None, :]).sum(-1) + moved[..., 3]


def _dot(a: Sequence[Float[Tensor, "*#shape"]], b: Sequence[Float[Tensor, "*#shape"]]) -> Float[Tensor, "*shape"]:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _transform(rotation: Float[Tensor, "*batch 3 3"], origin: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4 4"]:
    top = torch.cat((rotation, origin[..., None]), -1)
    return torch.cat((top, top.new_tensor((0.0, 0.0, 0.0, 1.0)).expand_as(top[..., :1, :])), -2)


def _inverse(T: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 4 4"]:
    turned = T[..., :3, :3].mT
    return _transform(turned, -(turned @ T[..., :3, 3:])[..., 0])
