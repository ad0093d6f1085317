"""The embedded models' training pictures: barnyard photos with captions, views and part maps, rendered once."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import Tensor
from trimesh.sample import sample_surface

from models.core.category import VIEWS
from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, Scene, sample_scenes
from models.truth.barnyard.species import FARM, SPECIES, SpeciesName

log = logging.getLogger(__name__)
PICTURES_PER_FILE = 240
"""Pictures of one species in one file."""
POINTS = 384
"""Points that are sampled on each surface."""


@dataclass(frozen=True)
class Pictures:
    """Photos and what is true of them."""

    image: UInt8[ndarray, "count size size 3"]
    part: UInt8[ndarray, "count size size"]
    """Index into `rig.PARTS`; 0 off the animal."""
    azimuth: Float[ndarray, " count"]
    """Azimuth of the camera in radians."""
    elevation: Float[ndarray, " count"]
    """Elevation of the camera in radians."""
    keypoints: Float[ndarray, "count keypoints 3"]
    """Where `rig.KEYPOINTS` fall, hidden ones too, and `Camera.relative_depth`: halves of the photo's width."""
    surface: Float[ndarray, "count points 3"]
    """Points on the animal as `keypoints`; depths are relative to the mean of the keypoints."""
    light: Float[ndarray, "count 4"]
    """`Light.coefficients` of the lamp."""
    caption: ndarray
    category: ndarray
    """Index into `SPECIES`."""
    view: ndarray
    """Index into `VIEWS`."""

    def __len__(self) -> int:
        """How many."""
        return len(self.image)

    @property
    def species(self) -> list[str]:
        """What they show, in the order of the alphabet."""
        return sorted({str(SPECIES[number]) for number in self.category})


def render_pictures(
    folder: Path,
    count: int,
    size: int,
    *,
    species: Sequence[SpeciesName] = FARM,
    first: int = 0,
    worker: int = 0,
    workers: int = 1,
) -> None:
    """Write photos of `count` individuals of each species, the `first` and those after it.

    Finished files are kept; those of another number or size are made anew.

    Each photo shows another individual: sixteen of each teach the individuals rather than the species (docs/lab, 11).
    Several workers share the files between them.
    """
    held_out = HELD_OUT // SEEDS_PER_INDIVIDUAL
    if first < held_out < first + count:
        raise ValueError(f"{first} to {first + count} mix training and evaluation, which starts at {held_out}")
    folder.mkdir(parents=True, exist_ok=True)
    for path, category, individuals in _files(folder, species, range(first, first + count))[worker::workers]:
        if not path.exists() or _shape(path) != (len(individuals), size):
            _write(path, _render(category, [SEEDS_PER_INDIVIDUAL * number for number in individuals], size))
            log.info("rendered %s", path.name)


def load_pictures(folder: Path, count: int, *, species: Sequence[SpeciesName] = FARM, first: int = 0) -> Pictures:
    """The photos of these individuals of each species, as `render_pictures` wrote them.

    Raises ValueError where some of them are missing, a file has more or fewer, or they are of several sizes.
    """
    wanted = _files(folder, species, range(first, first + count))
    missing = [path.name for path, _, _ in wanted if not path.exists()]
    if missing:
        raise ValueError(f"{folder}: {len(missing)} files are missing, {missing[0]} first; run render_pictures again")
    files = [np.load(path) for path, _, _ in wanted]
    for file, (path, _, individuals) in zip(files, wanted, strict=True):
        if (there := len(file["view"])) != len(individuals):
            raise ValueError(f"{path}: has {there} photos, not {len(individuals)}; run render_pictures again")
    if len(sizes := {file["part"].shape[1] for file in files}) > 1:
        shown = " and ".join(map(str, sorted(sizes)))
        raise ValueError(f"{folder}: has photos of {shown} pixels along an edge; run render_pictures again")
    fields = Pictures.__dataclass_fields__
    return Pictures(**{name: np.concatenate([file[name] for file in files]) for name in fields})


def join_pictures(parts: Sequence[Pictures]) -> Pictures:
    """All of them, one after the other."""
    fields = Pictures.__dataclass_fields__
    return Pictures(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})


def sample_batch(
    pictures: Pictures, extra: UInt8[ndarray, "count size size 3"] | None, batch: int, generator: torch.Generator
) -> tuple[Int[ndarray, " batch"], Float[Tensor, "batch 3 size size"]]:
    """Random rows and their pictures in [0, 1], half of them as `extra` shows the first rows, if there is any."""
    index = torch.randint(len(pictures), (batch,), generator=generator).numpy()
    image = pictures.image[index]
    if extra is not None:
        other = torch.randint(len(extra), (batch // 2,), generator=generator).numpy()
        index[: batch // 2] = other
        image = np.concatenate((extra[other], image[batch // 2 :]))
    return index, torch.from_numpy(image).permute(0, 3, 1, 2) / 255


def _files(folder: Path, species: Sequence[SpeciesName], individuals: range) -> list[tuple[Path, SpeciesName, range]]:
    """The files that hold these individuals of each species, and which of them each holds."""
    starts = individuals[::PICTURES_PER_FILE]
    return [
        (
            folder / f"{category}-{SEEDS_PER_INDIVIDUAL * start:07d}.npz",
            category,
            range(start, min(start + PICTURES_PER_FILE, individuals.stop)),
        )
        for start in starts
        for category in species
    ]


def _shape(path: Path) -> tuple[int, int]:
    """How many photos a file has, and pixels along an edge of each."""
    with np.load(path) as file:
        return file["image"].shape[:2]


def _render(category: str, seeds: Sequence[int], size: int) -> dict[str, ndarray]:
    scenes = list(sample_scenes(category, seeds, size))
    return {
        "image": np.stack([(scene.image * 255).round().astype(np.uint8) for scene in scenes]),
        "part": np.stack([scene.part.astype(np.uint8) for scene in scenes]),
        "azimuth": np.array([float(scene.camera.azimuth[0]) for scene in scenes], np.float32),
        "elevation": np.array([float(scene.camera.elevation[0]) for scene in scenes], np.float32),
        "keypoints": np.stack([_project_points(scene, scene.keypoints_world) for scene in scenes]),
        "surface": np.stack([_project_points(scene, _surface(scene)) for scene in scenes]),
        "light": torch.cat([scene.light.coefficients for scene in scenes]).numpy(),
        "caption": np.array([scene.caption for scene in scenes]),
        "category": np.full(len(scenes), [str(name) for name in SPECIES].index(category)),
        "view": np.array([VIEWS.index(scene.view) for scene in scenes]),
    }


def _surface(scene: Scene) -> Float[ndarray, "points 3"]:
    mesh = trimesh.Trimesh(scene.mesh.vertices[0].numpy(), scene.mesh.faces.numpy(), process=False)
    return np.asarray(sample_surface(mesh, POINTS, seed=scene.seed)[0], np.float32)


def _project_points(scene: Scene, points: Float[ndarray, "points 3"]) -> Float[ndarray, "points 3"]:
    """Normalised device coordinates of points, and their depth relative to the mean of the keypoints."""
    world, reference = (torch.from_numpy(array)[None].float() for array in (points, scene.keypoints_world))
    return scene.camera.project_with_depth(world, reference)[0].numpy()


def _write(path: Path, arrays: dict[str, ndarray]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    partial.replace(path)
