"""The sample photos: held-out animals of the barnyard, which nothing was trained on.

python docs/samples.py samples
"""

import sys
from pathlib import Path

import numpy as np

from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, sample_scene
from storage.formats.pictures import jpeg

PX = 512
INDIVIDUALS = {"cow": 211, "horse": 221, "sheep": 214}
"""Numbers of the individuals among the held-out ones."""


def main(folder: str) -> None:
    """Write one photo of each species."""
    for species, number in INDIVIDUALS.items():
        scene = sample_scene(species, HELD_OUT + number * SEEDS_PER_INDIVIDUAL, PX)
        photo = (scene.image * 255).round().astype(np.uint8)
        (Path(folder) / f"{species}.jpg").write_bytes(jpeg(photo))


if __name__ == "__main__":
    main(*sys.argv[1:])
