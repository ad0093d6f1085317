"""A quadruped of no species: rounded cones along a skeleton, as LASSIE (Yao et al. 2022) starts from primitives.

Every number was put down by hand for "something on four legs", and none was fitted to an animal.
"""

import torch
from jaxtyping import Float
from torch import Tensor

CONES = (
    ((0.0, 0.1, -1.3, 0.70), (0.0, 0.1, 1.2, 0.70)),
    ((0.0, 0.3, 1.3, 0.45), (0.0, 1.0, 1.9, 0.32)),
    ((0.0, 1.0, 1.8, 0.36), (0.0, 0.8, 2.4, 0.22)),
    ((0.0, 0.5, -1.9, 0.14), (0.0, -0.4, -2.2, 0.10)),
    ((0.42, -0.2, 1.0, 0.32), (0.42, -1.8, 1.0, 0.18)),
    ((0.42, -0.2, -1.2, 0.34), (0.42, -1.8, -1.2, 0.18)),
)
"""Trunk, neck, head, tail, a fore and a hind leg: x, y, z and radius of both ends, scene units."""
LEGS = 4
"""What a category has whose animals may start as it."""
BLEND = 0.12
"""Width of the fillets where cones meet, scene units."""


def generic_quadruped(points: Float[Tensor, "*shape 3"]) -> Float[Tensor, "*shape"]:
    """About the signed distance, positive inside; mirror-symmetric in x, head towards +z, feet down."""
    mirrored = torch.cat((points[..., :1].abs(), points[..., 1:]), -1)
    inside: list[Tensor] = []
    for start, end in CONES:
        first, last = points.new_tensor(start), points.new_tensor(end)
        axis = (last - first)[:3]
        along = ((mirrored - first[:3]) @ axis / axis.square().sum()).clamp(0, 1)
        to_axis = mirrored - first[:3] - along[..., None] * axis
        radius = first[3] + along * (last - first)[3]
        inside.append(radius - (to_axis.square().sum(-1) + 1e-12).sqrt())
    return BLEND * torch.logsumexp(torch.stack(inside) / BLEND, 0)
