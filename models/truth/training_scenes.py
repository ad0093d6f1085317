"""Photos of the barnyard that no evaluation holds out, cropped, for methods that learn from known surfaces."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.core.category import VIEWS
from models.data.framing import AnimalCrop, crop_animal
from models.truth.barnyard import SPECIES, Scene, sample_scene
from models.truth.barnyard.scene import SEEDS_PER_INDIVIDUAL

PHOTOS_PER_INDIVIDUAL = 4


def training_scenes(category: str, count: int, size: int, field: str) -> Iterator[Scene]:
    """Photos for crops of `size` pixels, four of each individual.

    They are so large that an animal, a quarter of its crop, is shown as large as in the photos of the teacher.

    Raises ValueError for a category that the barnyard does not keep; `field` of the method says "distilled" instead.
    """
    if category not in SPECIES:
        raise ValueError(
            f"the method learns from animals whose surface is known, and the barnyard keeps no {category}; take "
            f'-p changes=\'{{"method": {{"{field}": "distilled"}}}}\', or one of ' + ", ".join(SPECIES)
        )
    step = SEEDS_PER_INDIVIDUAL // PHOTOS_PER_INDIVIDUAL
    for number in range(count):
        yield sample_scene(category, number * step, size * 4 // 3)


def crop_scene(scene: Scene, size: int) -> tuple[AnimalCrop, Float[ndarray, "vertices 2"], float]:
    """The animal of a photo, cropped to `size` pixels; its vertices there; how much larger the crop shows it.

    The vertices are in normalised device coordinates of the crop.
    """
    photo = (scene.image * 255).round().astype(np.uint8)
    crop = crop_animal(photo, scene.mask, size, VIEWS.index(scene.view))
    box, pixels = crop.box, len(photo)
    ndc = scene.camera.project(scene.mesh.vertices)[0].numpy()
    cropped = ((ndc + 1) / 2 * pixels - (box.left, box.top)) / (box.width, box.height) * 2 - 1
    return crop, cropped, pixels / box.width
