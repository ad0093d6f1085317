"""Draws docs/animals.jpg: one row per held-out animal, by the model that answers for each category.

    python docs/pictures.py data docs/animals.jpg cow horse sheep

Photo, predicted silhouette over it, normals, four views from elsewhere, and three moments of a walk.
"""

import sys
from math import pi
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from models.data.batch import Batch
from models.export import film
from models.rendering.reconstruction import Reconstructor
from models.truth.held_out import HeldOutConfig, held_out
from storage.formats.pictures import jpeg
from tasks.inference.select import select_model

PX, PHOTOS, TINT = 144, (2, 7), torch.tensor((0.1, 0.8, 0.3))
Row = UInt8[np.ndarray, "size width 3"]


def draw_rows(reconstructor: Reconstructor, category: str) -> list[Row]:
    """One row per photo."""
    examples = held_out(category, HeldOutConfig(scenes=max(PHOTOS) + 1, photo=256, size=PX, turns=()))
    return [draw_row(reconstructor, examples[number].crop) for number in PHOTOS]


def draw_row(reconstructor: Reconstructor, crop: Batch) -> Row:
    """Raises TypeError for a method whose animals have no camera or cannot be drawn and walk."""
    reconstruction = reconstructor.predict(crop)
    camera = reconstruction.camera
    if camera is None or not (film.is_drawable(reconstruction) and film.is_walker(reconstruction)):
        raise TypeError(f"{type(reconstruction).__name__} cannot be drawn from all sides and walk")
    rendering = reconstruction.render(PX)
    mask = rendering.mask[..., None]
    overlay = crop.image * (1 - 0.6 * mask) + 0.6 * mask * TINT
    normals = (rendering.normal + 1) / 2 * (mask > 0.5) + (mask <= 0.5)
    copies = reconstruction.pick(0, 4)
    around = film.framed(copies, camera.azimuth.item() + torch.tensor((0.8, pi / 2, pi, 3 * pi / 2)))
    views = film.on_white(copies.render(PX, around, film.studio(4)))
    walk = film.walking(reconstruction, PX, 9)[[0, 3, 6]]
    pictures = [(picture[0] * 255).round().byte().numpy() for picture in (crop.image, overlay, normals)]
    return np.concatenate([*pictures, *views, *walk], 1)


def main(root: str, target: str, *categories: str) -> None:
    """Write the picture."""
    rows = [row for category in categories for row in draw_rows(select_model(category, root).load("cpu:0"), category)]
    Path(target).write_bytes(jpeg(np.concatenate(rows)))


if __name__ == "__main__":
    main(*sys.argv[1:])
