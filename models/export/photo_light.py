"""The light of a photo, corrected by the photo: shading is linear in a light's coefficients where it falls.

A predicted light is a little off, and what it fails to explain would be painted on the animal: bright on the lit
flank, and by mirroring on the other flank as well.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.types import Light

LIT = 0.05
"""Cosine to the light from which on a pixel surely has some of it."""
FEWEST = 50
"""Lit pixels without which a light is left as it was predicted."""
DOUBT = 0.05
"""How strongly a light is held to the prediction, in pixels' worth of evidence to a pixel."""
AMBIENT = (0.1, 1.2)
"""Range of the ambient term."""


def fit_light(
    light: Light,
    normal: Float[Tensor, "pixels 3"],
    albedo: Float[Tensor, "pixels 3"],
    color: Float[Tensor, "pixels 3"],
    row: Int[Tensor, " pixels"],
) -> Light:
    """The lights under which these albedos have most nearly the colours of the photos, by damped least squares.

    `normal` in the camera frame; `row` is the photo of each pixel.
    """
    lit = (normal * light.direction[row]).sum(-1) > LIT
    coefficients = [
        _fit_row(light.coefficients[number], *(part[lit & (row == number)] for part in (normal, albedo, color)))
        for number in range(len(light.ambient))
    ]
    ambient, diffuse = torch.stack(coefficients).split((1, 3), 1)
    strength = diffuse.norm(dim=1)
    return Light(diffuse / strength.clamp(min=1e-6)[:, None], ambient[:, 0].clamp(*AMBIENT), strength)


def _fit_row(
    predicted: Float[Tensor, " 4"],
    normal: Float[Tensor, "pixels 3"],
    albedo: Float[Tensor, "pixels 3"],
    color: Float[Tensor, "pixels 3"],
) -> Float[Tensor, " 4"]:
    """Ambient, and diffuse times direction."""
    if len(normal) < FEWEST:
        return predicted
    basis = torch.cat((torch.ones_like(normal[:, :1]), normal), 1)
    system = (albedo[..., None] * basis[:, None]).flatten(0, 1)
    lack = color.flatten() - system @ predicted
    damping = DOUBT * len(system) * albedo.square().mean()
    normal_equations = system.T @ system + (damping + 1e-6) * torch.eye(4).to(system)
    return predicted + torch.linalg.solve(normal_equations, system.T @ lack)
