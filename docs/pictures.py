"""The README's pictures of what was learnt: one row per held-out animal, by the best model of each category.

    python docs/pictures.py data docs/animals.jpg cow horse sheep

Photo, predicted silhouette over it, normals, four views from elsewhere, and three moments of a walk.
"""

import sys
from math import pi
from pathlib import Path

import numpy as np
import torch
from models.methods.magicpony.reconstructor import AnimalReconstructor, picked

from models.export import film
from models.truth.held_out import HeldOutConfig, held_out
from storage.formats.pictures import jpeg
from tasks.inference.select import select_model

PX, PHOTOS, TINT = 144, (2, 7), torch.tensor((0.1, 0.8, 0.3))


def rows(ours: AnimalReconstructor, category: str) -> list[np.ndarray]:
    """One strip per photo."""
    known = HeldOutConfig(scenes=max(PHOTOS) + 1, photo=256, size=PX, turns=())
    examples = held_out(category, known)
    return [_row(ours, examples[number].crop) for number in PHOTOS]


def _row(ours: AnimalReconstructor, crop: film.Batch) -> np.ndarray:
    found = ours.predict(crop)
    drawn = ours.render(found, PX)
    mask = drawn.mask[..., None]
    over = crop.image * (1 - 0.6 * mask) + 0.6 * mask * TINT
    normals = (drawn.normal + 1) / 2 * (mask > 0.5) + (mask <= 0.5)
    around = picked(found, 0, 4)
    camera = film.framed(around, found.camera.azimuth.item() + torch.tensor((0.8, pi / 2, pi, 3 * pi / 2)))
    views = film.on_white(ours.render(around, PX, camera, film.studio(4)))
    walk = film.walking(ours, found, PX, 9)[[0, 3, 6]]
    plain = [(each[0] * 255).round().byte().numpy() for each in (crop.image, over, normals)]
    return np.concatenate([*plain, *views, *walk], 1)


def main(root: str, target: str, *categories: str) -> None:
    """Write the picture."""
    strips = [strip for category in categories for strip in rows(select_model(category, root).load("cpu:0"), category)]
    Path(target).write_bytes(jpeg(np.concatenate(strips)))


if __name__ == "__main__":
    main(*sys.argv[1:])
