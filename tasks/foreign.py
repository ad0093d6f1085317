"""Somebody's own photos as an examination: a folder of pictures, beside each as much of the truth as is known.

cow7.jpg (.jpeg .png .webp)   one whole animal
cow7.mask.png                 white on the animal; else the segmenter looks for it
cow7.obj (.glb .ply .stl)     the posed animal, y up, head at +z, any scale
cow7.json                     {"keypoints": [[x, y], ...], "seen": [true, ...]} in pixels, the same order in every file
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from models.geometry.mesh import Mesh
from models.metrics import Evaluation, EvaluationConfig, evaluate
from models.metrics.examples import Example
from models.training.batch import Crops
from storage.meshes import read_mesh
from tasks.answer import Cropped, Newest, cropped, newest, opened
from tasks.machine import Device, place
from tasks.trained import reconstructor

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
MESHES = (".obj", ".glb", ".ply", ".stl")


class Keypoints(BaseModel):
    """What a .json file says."""

    model_config = ConfigDict(extra="forbid")

    keypoints: list[tuple[float, float]]
    seen: list[bool]


def examined(folder: Path, category: str, root: str, device: Device = "auto") -> Evaluation:
    """The newest model of a category on a folder of photos.

    Raises ValueError if there is no picture in it, or for a file that cannot be read.
    """
    last = newest(category, root)
    photos = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURES and ".mask" not in path.suffixes
    )
    if not photos:
        raise ValueError(f"{folder}: has no picture; give a folder with files that end in {', '.join(PICTURES)}")
    with place(device) as where:
        examples = [_example(photo, number, last, where) for number, photo in enumerate(photos)]
        return evaluate({last.model.run: reconstructor(last.model, where)}, examples, EvaluationConfig())


def _example(photo: Path, number: int, last: Newest, where: str) -> Example:
    beside = photo.with_suffix(".mask.png")
    mask = opened(beside).mean(-1) > 127 if beside.exists() else None
    crop = cropped(opened(photo), last.recipe, where, mask)
    samples: Any = [crop]
    batch = Crops(samples, last.size, torch.device("cpu")).batch(torch.tensor([0]))
    points, seen = _keypoints(photo.with_suffix(".json"), crop)
    return Example(photo.stem, batch, _mesh(photo), keypoints=points, seen=seen)


def _mesh(photo: Path) -> Mesh | None:
    file = next((path for kind in MESHES if (path := photo.with_suffix(kind)).exists()), None)
    if file is None:
        return None
    vertices, faces = read_mesh(file.read_bytes(), file.suffix[1:])
    return Mesh(torch.from_numpy(vertices).float()[None], torch.from_numpy(faces))


def _keypoints(file: Path, crop: Cropped) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """In normalised device coordinates of the crop."""
    if not file.exists():
        return None, None
    try:
        said = Keypoints.model_validate(json.loads(file.read_text()))
    except (ValidationError, json.JSONDecodeError) as error:
        raise ValueError(f'{file}: is not {{"keypoints": [[x, y], ...], "seen": [true, ...]}}; mend it') from error
    left, top, side, _ = crop.box
    points = (np.array(said.keypoints) - (left, top)) / side * 2 - 1
    return torch.from_numpy(points).float(), torch.tensor(said.seen)
