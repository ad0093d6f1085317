"""The animal of one photo in the photo's own coat, as large as the photo is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from models.data.batch import Batch
from models.data.crops import collate
from models.data.framing import AnimalCrop, Crop, cut
from models.export.asset import Asset
from models.export.photo_coat import is_wearer, wear_photo
from models.rendering import Renderer
from models.rendering.reconstruction import Reconstruction
from tasks.inference.select import TAUGHT, Answer, SelectedModel, crop_animals, crop_photo
from tasks.runtime.devices import Device, acquire_device, torch_device

LARGEST = 1024
"""Pixels along an edge up to which a crop is read for its colours: as many as a texture has texels."""


@dataclass(frozen=True)
class PhotoAnswer(Answer):
    """The animal of one photo, and whose work it is."""

    selected: SelectedModel
    """What answered."""

    @property
    def origin(self) -> Mapping[str, str]:
        """As of an asset whose coat is predicted."""
        return describe_origin(self.selected, is_dressed=False)

    def asset(self, texture: int, shoulder_height: float = 1.0) -> Asset:
        """As of any answer; its files say where it comes from."""
        asset = super().asset(texture, shoulder_height)
        return replace(asset, origin=describe_origin(self.selected, is_dressed=asset.coverage is not None))


def describe_origin(selected: SelectedModel, is_dressed: bool) -> Mapping[str, str]:
    """Licence, lineage and digests of the model for the files of an animal, whose coat may be the photo's own."""
    licence = selected.recipe.category.license
    coat = "; the coat is the photo's own, on its owner's terms" if is_dressed else ""
    lineage = f"{selected.category}/{selected.name}" if selected.model else TAUGHT
    return {
        "licence": f"{licence}{coat}",
        "lineage": lineage,
        "model": describe_weights(selected.weights_digests),
    }


def describe_weights(digests: Mapping[str, str]) -> str:
    """Names of the parts of a model that have weights, each with its digest."""
    return ", ".join(f"{name} {digest}" for name, digest in sorted(digests.items()) if digest)


def answer_photo(
    photo: np.ndarray,
    chosen: SelectedModel,
    device: Device = "auto",
    mask: np.ndarray | None = None,
    refine: bool = True,
    only_likeliest: bool = False,
) -> list[PhotoAnswer]:
    """Every animal in a photo (height, width, 3), from left to right, or the likeliest alone; that under the mask.

    Each is left as predicted, or fitted to its mask and dressed in the photo's coat.

    Raises MissingWeights if the segmenter has none, NothingKept if there is no such animal in the photo.
    """
    answers = list[PhotoAnswer]()
    with acquire_device(device) as where:
        how = chosen.crops, where, mask
        crops = [crop_photo(photo, *how)] if only_likeliest else crop_animals(photo, *how)
        renderer, model = chosen.renderer(where), chosen.load(where, refine)
        # One by one, so that company changes no bit of an animal.
        for crop in crops:
            reconstruction = model.predict(collate([crop], chosen.size, torch_device(where)))
            if refine:
                reconstruction = dress_answer(reconstruction, renderer, photo, crop)
            answers.append(PhotoAnswer(chosen.category, reconstruction, renderer, chosen))
    return answers


def dress_answer(
    reconstruction: Reconstruction, renderer: Renderer, photo: np.ndarray, crop: AnimalCrop
) -> Reconstruction:
    """The answer to a crop of this photo in the photo's own coat; as it is where its method has no coat to change."""
    if not is_wearer(reconstruction):
        return reconstruction
    return wear_photo(reconstruction, renderer, _large_crop(photo, crop))


def _large_crop(photo: np.ndarray, crop: AnimalCrop) -> Batch:
    """The crop with as many of the photo's own pixels as there are, up to `LARGEST`."""
    size = max(crop.image.shape[0], min(LARGEST, crop.box.width))
    valid = cut(np.ones(photo.shape[:2], bool), crop.box, size)
    grey = Image.fromarray(crop.mask.astype(np.uint8) * 255).resize((size, size), Image.Resampling.BILINEAR)
    large = Crop(cut(photo, crop.box, size), np.asarray(grey) > 127, valid)
    return collate([large], size, torch.device("cpu"))
