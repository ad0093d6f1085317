"""The samples: photos of held-out animals of the barnyard, which nothing was trained on, and joints of two pictures.

PYTHONPATH=. python docs/samples.py samples
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.smplify import SEEN, photograph_people
from models.embedded.human_poses import sample_poses
from models.geometry.body import load_body
from models.truth.barnyard.rig import KEYPOINTS
from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, sample_scene
from storage.formats.pictures import jpeg

PX = 512
INDIVIDUALS = {"cow": 211, "horse": 221, "sheep": 214}
"""Numbers of the individuals among the held-out ones."""


PERSON_SEED = 3


def main(folder: str) -> None:
    """Write one photo of each species, the joints of the cow, and those of a person whom no picture shows."""
    for species, number in INDIVIDUALS.items():
        scene = sample_scene(species, HELD_OUT + number * SEEDS_PER_INDIVIDUAL, PX)
        photo = (scene.image * 255).round().astype(np.uint8)
        (Path(folder) / f"{species}.jpg").write_bytes(jpeg(photo))
        if species == "cow":
            write_joints(Path(folder) / "cow-joints.json", KEYPOINTS, scene.keypoints_ndc)
    body, generator = load_body("weights/bodies/human"), torch.Generator().manual_seed(PERSON_SEED)
    observed, _ = photograph_people(body, PERSON_SEED, sample_poses(1, body.hinges, generator))
    points = observed.points[0, [body.landmarks.index(name) for name in SEEN]]
    write_joints(Path(folder) / "person-joints.json", SEEN, points.numpy())


def write_joints(file: Path, names: Sequence[str], ndc: np.ndarray) -> None:
    """Pixels of named points of a square picture, as `farm3d pose` reads them; y points down in both."""
    pixels = ((ndc.astype(float) + 1) / 2 * PX).round(1)
    joints = dict(zip(names, pixels.tolist(), strict=True))
    file.write_text(json.dumps({"width": PX, "height": PX, "joints": joints}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
