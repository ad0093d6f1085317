"""What the bones of an asset say in the terms of file formats: parents' frames, quaternions, four bones a vertex."""

import numpy as np
from jaxtyping import Float, Int

from storage.formats.meshes import Asset, Clip

SLOTS = 4
"""Bones of a vertex in a file: glTF stores four in JOINTS_0 and WEIGHTS_0, and USD is written alike."""


def strongest(
    weights: Float[np.ndarray, "vertices bones"],
) -> tuple[Int[np.ndarray, "vertices 4"], Float[np.ndarray, "vertices 4"]]:
    """Bones and weights, strongest first, summing to 1; an unused slot is bone 0 with weight 0."""
    count = min(SLOTS, weights.shape[1])
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(weights, bones, 1).astype(np.float32)
    kept[kept < 1e-5] = 0
    kept /= kept.sum(1, keepdims=True)
    bones = np.where(kept > 0, bones, 0)
    spare = np.array(((0, 0), (0, SLOTS - count)))
    return np.pad(bones, spare), np.pad(kept, spare)


def local_frame(asset: Asset, bone: int) -> Float[np.ndarray, "4 4"]:
    """The bind frame of a bone in its parent's."""
    parent = asset.parents[bone]
    if parent < 0:
        return asset.T_world_bone[bone]
    return np.linalg.inv(asset.T_world_bone[parent]) @ asset.T_world_bone[bone]


def rotation_keys(asset: Asset, clip: Clip, bone: int) -> Float[np.ndarray, "frames 4"]:
    """Rotations in the parent's frame, the bind rotation first, with signs such that each is near the one before."""
    turns = quaternions(local_frame(asset, bone)[:3, :3] @ matrices(clip.rotations[:, bone]))
    flips = np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0)
    signs = np.cumprod(np.concatenate(([1.0], flips)))
    return turns * signs[:, None]


def translation_keys(asset: Asset, clip: Clip, bone: int) -> Float[np.ndarray, "frames 3"]:
    """Where the bone's head is in the parent's frame."""
    return local_frame(asset, bone)[:3, 3] + clip.shifts[:, bone]


def matrices(quaternions: Float[np.ndarray, "*shape 4"]) -> Float[np.ndarray, "*shape 3 3"]:
    """Rotations of unit quaternions (x, y, z, w), the way glTF stores them."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quaternions(rotations: Float[np.ndarray, "*shape 3 3"]) -> Float[np.ndarray, "*shape 4"]:
    """The top eigenvector of Bar-Itzhack's matrix, good at every angle."""
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(rotations, (-2, -1), (0, 1))
    rows = (
        (a - e - i, b + d, c + g, h - f),
        (b + d, e - a - i, f + h, c - g),
        (c + g, f + h, i - a - e, d - b),
        (h - f, c - g, d - b, a + e + i),
    )
    return np.linalg.eigh(np.stack([np.stack(row, -1) for row in rows], -2)).eigenvectors[..., -1]
