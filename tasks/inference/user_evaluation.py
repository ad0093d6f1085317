"""Evaluation on a user's folder of photos with optional masks, meshes and keypoints.

cow7.jpg (.jpeg .png .webp)   one whole animal
cow7.mask.png                 white on the animal; else its transparency tells, or the segmenter looks
cow7.obj (.glb .ply .stl)     the posed animal, y up, head at +z, any scale
cow7.json                     {"keypoints": [[x, y], ...], "seen": [true, ...]} in pixels, the same order in every file;
                              {"azimuth": 90}, of the camera in degrees: 0 faces the head, 90 its left side; or both
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import radians
from pathlib import Path

import numpy as np
import torch
import trimesh
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.core.errors import Farm3dError
from models.data.crops import collate
from models.data.framing import Box
from models.geometry.mesh import Mesh
from models.metrics import Evaluation, EvaluationConfig, evaluate
from models.rendering.reconstruction import Reconstructor
from models.truth.examples import Example
from storage.formats.meshes import OBJ_HEAD, read_mesh
from storage.runs.scores import START
from storage.store.errors import words
from tasks.inference.image_io import load_image
from tasks.inference.loading import load_start
from tasks.inference.photo_listing import describe_others, list_folder, shown_name
from tasks.inference.select import SelectedModel, crop_photo, select_model
from tasks.runtime.devices import Device, acquire_device
from tasks.runtime.recipes import CropRecipe

logger = logging.getLogger(__name__)

MESHES = (".obj", ".glb", ".ply", ".stl")


class PhotoTruth(BaseModel):
    """What a .json file says."""

    model_config = ConfigDict(extra="forbid")

    keypoints: list[tuple[float, float]] = []
    seen: list[bool] = []
    azimuth: float | None = Field(default=None, ge=-360, le=360)

    @model_validator(mode="after")
    def _agree(self) -> "PhotoTruth":
        if len(self.seen) != len(self.keypoints):
            raise ValueError(f"seen has {len(self.seen)} entries and keypoints {len(self.keypoints)}; give one each")
        if not self.keypoints and self.azimuth is None:
            raise ValueError("says neither keypoints nor azimuth")
        return self


@dataclass(frozen=True)
class FolderPhotos:
    """A folder of photos as the truth of a category."""

    folder: Path
    recipe: CropRecipe
    size: int
    """Pixels along an edge of the crops."""
    where: str
    """The device that the segmenter runs on."""
    name: str = "photos with truth"

    def examples(self) -> list[Example]:
        """One per photo that can be used; the others are named in the log."""
        examples, skipped = read_examples(self.folder, self.recipe, self.size, self.where)
        for reason in skipped:
            logger.warning("skipped %s", reason)
        return examples

    def training_shapes(self, count: int) -> Sequence[trimesh.Trimesh]:
        """None: the shapes in the folder are what is measured against."""
        return ()


def read_examples(folder: Path, recipe: CropRecipe, size: int, where: str) -> tuple[list[Example], list[str]]:
    """The photos of a folder and its sub-folders as examples, and why some of them were skipped.

    Raises ValueError if there is no picture in it, or none that can be used.
    """
    examples: list[Example] = []
    listing = list_folder(folder)
    truths = {".json", *MESHES}
    others = [file for file in listing.others if file.suffix.lower() not in truths]
    skipped = [describe_others(folder, others)] if others else []
    for photo in listing.pictures:
        name = shown_name(photo, folder)
        try:
            example = _example(photo, name, recipe, size, where)
            _check_count(example, examples)
        except (ValueError, Farm3dError, OSError) as error:
            skipped.append(f"{name}: {error}")
        else:
            examples.append(example)
    if not examples:
        raise ValueError(f"{folder}: no picture can be used; {'; '.join(skipped)}")
    return examples, skipped


def evaluate_folder(folder: Path, category: str, root: str, device: Device = "auto") -> tuple[Evaluation, list[str]]:
    """The best model of a category on the photos of a folder and its sub-folders, and why some of them were skipped.

    What it started from stands beside it. Raises ValueError if there is no picture in it, or none that can be used.
    """
    chosen = select_model(category, root)
    with acquire_device(device) as where:
        examples, skipped = read_examples(folder, chosen.crops, chosen.size, where)
        return evaluate(_beside_its_start(chosen, where), examples, EvaluationConfig()), skipped


def _beside_its_start(chosen: SelectedModel, where: str) -> dict[str, Reconstructor]:
    """The model, and itself before its training where that is still there."""
    models = {chosen.name: chosen.load(where)}
    start = load_start(chosen.recipe, where) if chosen.model else None
    return models | ({START: start} if start else {})


def _example(photo: Path, name: str, recipe: CropRecipe, size: int, where: str) -> Example:
    pixels, mask = load_image(photo)
    crop = crop_photo(pixels, recipe, where, mask)
    batch = collate([crop], size, torch.device("cpu"))
    example, truth = Example(name, batch, _mesh(photo)), _read_truth(photo.with_suffix(".json"))
    return example if truth is None else _with_truth(example, truth, crop.box)


def _with_truth(example: Example, truth: PhotoTruth, box: Box) -> Example:
    """The example with what a .json file says, its keypoints in normalised device coordinates of the crop."""
    if truth.azimuth is not None:
        example = replace(example, azimuth=radians(truth.azimuth))
    if not truth.keypoints:
        return example
    points = (np.array(truth.keypoints) - (box.left, box.top)) / box.width * 2 - 1
    return replace(example, keypoints=torch.from_numpy(points).float(), seen=torch.tensor(truth.seen))


def _check_count(example: Example, examples: Sequence[Example]) -> None:
    """Raises ValueError if it has another number of keypoints than those before it."""
    first = next((other for other in examples if other.keypoints is not None), None)
    if example.keypoints is None or first is None or first.keypoints is None:
        return
    if len(example.keypoints) != len(first.keypoints):
        raise ValueError(
            f"has {len(example.keypoints)} keypoints and {first.key} {len(first.keypoints)}; "
            "give the same ones in the same order in every file"
        )


def _mesh(photo: Path) -> Mesh | None:
    file = next((path for kind in MESHES if (path := photo.with_suffix(kind)).exists()), None)
    if file is None:
        return None
    data = file.read_bytes()
    if data.startswith(OBJ_HEAD.encode()):
        raise ValueError(f"{file}: farm3d wrote it, so it is an answer and no truth; move it away")
    vertices, faces = read_mesh(data, file.suffix[1:])
    sides = np.ptp(vertices[np.unique(faces)], axis=0)
    if not sides.min() > 0:
        raise ValueError(f"{file}: a mesh with sides {sides.round(6).tolist()} has no volume; give a closed surface")
    return Mesh(torch.from_numpy(vertices).float()[None], torch.from_numpy(faces))


def _read_truth(file: Path) -> PhotoTruth | None:
    if not file.exists():
        return None
    try:
        return PhotoTruth.model_validate(json.loads(file.read_text("utf-8-sig")))
    except (ValidationError, ValueError) as error:
        shape = '{"keypoints": [[x, y], ...], "seen": [true, ...]}, {"azimuth": degrees} or both'
        raise ValueError(f"{file}: is not {shape} ({words(error)}); mend it") from error
