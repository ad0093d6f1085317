"""What can be had of an answer: which of the protocols of reconstructions it meets."""

from collections.abc import Callable

import torch

from models.export.asset import is_exportable
from models.export.film import is_drawable
from models.export.photo_coat import is_wearer
from models.rendering.reconstruction import Reconstruction, Relightable, Rigged, Textured

LEAST_CONTRAST = 1e-3
"""Standard deviation of a surface's colours below which they are one colour and no texture."""


def list_abilities(reconstruction: Reconstruction) -> dict[str, bool]:
    """Whether the answers have each of these parts, by the words that a table has for them."""
    return {name: has(reconstruction) for name, has in ABILITIES.items()}


def _has_mesh(reconstruction: Reconstruction) -> bool:
    return any(reconstruction.mesh(row) is not None for row in range(len(reconstruction)))


@torch.no_grad()
def _has_texture(reconstruction: Reconstruction) -> bool:
    """A colour field that is not the same everywhere."""
    if not isinstance(reconstruction, Textured):
        return False
    points = reconstruction.canonical()
    colours = reconstruction.albedo(points, torch.zeros(len(points), dtype=torch.int64, device=points.device))
    return float(colours.std(0).max()) > LEAST_CONTRAST


ABILITIES: dict[str, Callable[[Reconstruction], bool]] = {
    "mesh": _has_mesh,
    "camera": lambda answer: answer.camera is not None,
    "pose": lambda answer: isinstance(answer, Rigged),
    "texture of its own": _has_texture,
    "coat of the photo": is_wearer,
    "novel views": is_drawable,
    "new light": lambda answer: is_drawable(answer) and isinstance(answer, Relightable),
    "rigged GLB": is_exportable,
}
"""The parts, by their names in tables."""
