"""Distance of joints after a similarity fit: PA-MPJPE, the reconstruction error of human pose (Zhou et al. 2018)."""

import torch
from jaxtyping import Float
from torch import Tensor


def joint_error(
    ours: Float[Tensor, "batch joints 3"], theirs: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, " batch"]:
    """Mean distance of each body's joints, in their unit, once ours are moved, turned and scaled onto theirs."""
    middle, target = ours.mean(1, keepdim=True), theirs.mean(1, keepdim=True)
    source, wanted = ours - middle, theirs - target
    # Umeyama 1991, with the sign that keeps it a rotation.
    left, scales, right = torch.linalg.svd(source.mT @ wanted)
    sign = torch.ones_like(scales)
    sign[:, 2] = (torch.linalg.det(left) * torch.linalg.det(right)).sign()
    rotation = (left * sign[:, None]) @ right
    scale = (scales * sign).sum(1) / source.square().sum((1, 2)).clamp(min=1e-12)
    return (scale[:, None, None] * source @ rotation - wanted).norm(dim=-1).mean(1)
