"""Lambertian shading in the camera frame (MagicPony; fidelity F31)."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.rendering.types import Light

GRAZING = 0.1
"""Cosine to the viewer under which a smooth normal bends towards the face's own."""


def shade(normal_camera: Float[Tensor, "batch *pixels 3"], light: Light) -> Float[Tensor, "batch *pixels"]:
    """Ambient plus diffuse light on unit normals; colour = albedo * shading, clamped only when saved."""
    pixels = (1,) * (normal_camera.ndim - 2)
    direction = light.direction.view(-1, *pixels, 3)
    lambert = (normal_camera * direction).sum(-1).clamp(min=0)
    return light.ambient.view(-1, *pixels) + light.diffuse.view(-1, *pixels) * lambert


def facing_normal(
    smooth: Float[Tensor, "points 3"], geometric: Float[Tensor, "points 3"], position: Float[Tensor, "points 3"]
) -> Float[Tensor, "points 3"]:
    """Unit normals turned to the viewer, all in the camera frame; a smooth one that still looks away is bent back.

    The geometric normal takes no gradient: it is undefined on empty faces.
    """
    view = -torch.nn.functional.normalize(position.detach(), dim=-1)
    geometric = torch.nn.functional.normalize(geometric.detach(), dim=-1)
    turn = torch.where((geometric * view).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    smooth = turn * smooth / (smooth.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    blend = ((smooth * view).sum(-1, keepdim=True) / GRAZING).clamp(0, 1)
    bent = (1 - blend) * turn * geometric + blend * smooth
    return bent / (bent.square().sum(-1, keepdim=True) + 1e-12).sqrt()
