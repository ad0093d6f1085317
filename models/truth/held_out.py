"""Barnyard animals that nothing was trained on, cropped like training pictures, with all that is true of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor

from models.core.category import VIEWS
from models.core.config import Config
from models.data.batch import Batch
from models.data.framing import Box, crop_box, cut
from models.rendering.types import Light
from models.truth.barnyard import HELD_OUT, Scene, render_views, sample_scene
from models.truth.barnyard.scene import SEEDS_PER_INDIVIDUAL, frame_animal
from models.truth.examples import Example, NovelView, PhotoCut, RelitView
from models.truth.novel_views import crop_to_animal, keep_with_object

LAMPS = ((-0.9, 0.5, 0.4), (0.9, 0.5, 0.4))
"""Directions, in the camera frame, of the two lights under which each photo is taken again."""
AMBIENT, DIFFUSE = 0.4, 0.7
FILL = 0.9
"""Longer side of the animal's box over the picture in novel views."""


class HeldOutConfig(Config):
    """Which animals examine a model."""

    scenes: int = Field(default=60, gt=0, description="photos, each of another individual")
    first: int = Field(default=0, ge=0, description="number of the first individual")
    photo: int = Field(default=128, ge=32, description="side of the photos in pixels")
    size: int = Field(default=96, ge=16, description="side of the crops in pixels")
    turns: tuple[float, ...] = Field(default=(pi / 2, pi), description="yaws of the novel views, in radians")


@dataclass(frozen=True)
class HeldOutAnimals:
    """The held-out individuals of a species of the barnyard."""

    species: str
    config: HeldOutConfig
    name: str = "barnyard animals"

    def examples(self) -> list[Example]:
        """With their shape, camera, keypoints, other views and other lights."""
        return held_out(self.species, self.config)

    def training_shapes(self, count: int) -> list[trimesh.Trimesh]:
        """Individuals that are not held out."""
        return training_shapes(self.species, count)


def held_out(category: str, config: HeldOutConfig) -> list[Example]:
    """One example per individual, the same on every machine."""
    individuals = range(config.first, config.first + config.scenes)
    seeds = [HELD_OUT + number * SEEDS_PER_INDIVIDUAL for number in individuals]
    return [_example(sample_scene(category, seed, config.photo), config) for seed in seeds]


def training_shapes(category: str, count: int) -> list[trimesh.Trimesh]:
    """Posed animals of individuals that are not held out, for the baselines."""
    scenes = (sample_scene(category, seed, 16) for seed in range(0, count * SEEDS_PER_INDIVIDUAL, SEEDS_PER_INDIVIDUAL))
    return [
        trimesh.Trimesh(scene.mesh.vertices[0].numpy(), scene.mesh.faces.numpy(), process=False) for scene in scenes
    ]


def _example(scene: Scene, config: HeldOutConfig) -> Example:
    box = crop_box(scene.mask)
    photo = _photo(scene)
    image, mask = _cut(photo, scene.mask, box, config.size)
    inside = cut(np.ones_like(scene.mask), box, config.size)
    crop = Batch(
        image=image[None],
        mask=mask[None],
        valid=torch.tensor(inside)[None].float(),
        features=None,
        view=torch.tensor([VIEWS.index(scene.view)]),
        index=torch.tensor([scene.seed - HELD_OUT]),
    )
    pixels = (scene.keypoints_ndc + 1) / 2 * config.photo
    keypoints = (pixels - (box.left, box.top)) / (box.width, box.height) * 2 - 1
    return Example(
        key=f"{scene.category}-{scene.seed}",
        crop=crop,
        mesh=scene.mesh,
        azimuth=float(scene.camera.azimuth[0]),
        keypoints=torch.from_numpy(keypoints).float(),
        seen=torch.from_numpy(scene.keypoints_visible),
        turned=tuple(_turned(scene, config)),
        relit=tuple(_relit(scene, box, config)),
        source=PhotoCut(photo, box),
    )


def _turned(scene: Scene, config: HeldOutConfig) -> Iterator[NovelView]:
    for yaw in config.turns:
        azimuth, elevation = float(scene.camera.azimuth[0]) + yaw, float(scene.camera.elevation[0])
        camera = frame_animal(scene.mesh.vertices[0].numpy(), azimuth, elevation, FILL, np.zeros(2))
        lamp = keep_with_object(scene.light, scene.camera, camera)
        (other,) = render_views(scene.category, scene.seed, camera, config.photo, lamp)
        mask = torch.from_numpy(other.mask).float()
        yield NovelView(yaw, *crop_to_animal(torch.from_numpy(other.image), mask, config.size))


def _relit(scene: Scene, box: Box, config: HeldOutConfig) -> Iterator[RelitView]:
    for direction in LAMPS:
        unit = torch.nn.functional.normalize(torch.tensor([direction]), dim=-1)
        lamp = Light(unit, torch.tensor([AMBIENT]), torch.tensor([DIFFUSE]))
        (other,) = render_views(scene.category, scene.seed, scene.camera, config.photo, lamp)
        yield RelitView(lamp, *_cut(_photo(other), other.mask, box, config.size))


def _photo(scene: Scene) -> UInt8[ndarray, "height width 3"]:
    return (scene.image * 255).round().astype(np.uint8)


def _cut(
    photo: UInt8[ndarray, "height width 3"], mask: Bool[ndarray, "height width"], box: Box, size: int
) -> tuple[Tensor, Tensor]:
    return torch.tensor(cut(photo, box, size)).float() / 255, torch.tensor(cut(mask, box, size)).float()
