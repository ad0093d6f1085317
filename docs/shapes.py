"""Draws docs/elephants.jpg: what a model made of photos that are not ours to show, before its training and after.

    python docs/shapes.py data elephant elephants/held-out docs/elephants.jpg 1 2 7

One row per photo, by its number: the shape without its coat as the photo sees it and from 70 degrees further round, by
the start, by the trained model in one pass, and refined to the photo's mask.
"""

import sys
from math import radians
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.metrics.outcomes import BACK
from models.rendering.deferred import Surface, render
from models.rendering.reconstruction import Reconstructor
from models.rendering.reference import Reference
from models.rendering.types import front_light
from models.truth.examples import Example
from models.truth.novel_views import crop_to_animal, orbit, step_back
from storage.formats.pictures import jpeg
from tasks.inference.loading import start
from tasks.inference.select import select_model
from tasks.inference.user_evaluation import read_examples

PX, TURN, GREY = 176, radians(70), 0.8


def draw_shape(mesh: Mesh, camera: Camera) -> UInt8[np.ndarray, "size size 3"]:
    """A grey surface on white, cut out like a crop."""
    surface = Surface(mesh, mesh.vertices, albedo=lambda points, image: torch.full_like(points, GREY), features=None)
    drawn = render(Reference(), surface, step_back(camera, BACK), front_light(1, torch.device("cpu")), 2 * PX)
    picture, mask = crop_to_animal(drawn.rgb[0], drawn.mask[0], PX)
    return ((picture + 1 - mask[..., None]).clamp(0, 1) * 255).round().byte().numpy()


def draw_row(models: list[Reconstructor], example: Example) -> UInt8[np.ndarray, "size width 3"]:
    """Raises TypeError for a method whose animals have no camera or no surface."""
    shapes = []
    for model in models:
        reconstruction = model.predict(example.crop)
        camera, mesh = reconstruction.camera, reconstruction.mesh(0)
        if camera is None or mesh is None:
            raise TypeError(f"{type(reconstruction).__name__} has no camera or no surface")
        shapes += [draw_shape(mesh, orbit(camera, torch.tensor([turn]))) for turn in (0.0, TURN)]
    return np.concatenate(shapes, 1)


@torch.no_grad()
def main(root: str, category: str, folder: str, target: str, *photos: str) -> None:
    """Write the picture."""
    chosen = select_model(category, root)
    models = [start(chosen.recipe, "cpu"), chosen.load("cpu"), chosen.load("cpu", refine=True)]
    examples, _ = read_examples(Path(folder), chosen.crops, chosen.size, "cpu")
    rows = [draw_row(models, examples[int(number)]) for number in photos]
    Path(target).write_bytes(jpeg(np.concatenate(rows)))


if __name__ == "__main__":
    main(*sys.argv[1:])
