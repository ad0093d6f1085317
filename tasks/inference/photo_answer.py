"""The animal of one photo in the photo's own coat, as large as the photo is."""

import numpy as np
import torch
from PIL import Image

from models.data.batch import Batch
from models.data.crops import collate
from models.data.framing import AnimalCrop, Crop, cut
from models.export.photo_coat import is_wearer, wear_photo
from models.rendering import Renderer
from models.rendering.reconstruction import Reconstruction
from models.segmenters import TransformersConfig
from tasks.inference.select import Answer, crop_photo, select_model
from tasks.runtime.devices import Device, acquire_device, torch_device

LARGEST = 1024
"""Pixels along an edge up to which a crop is read for its colours: as many as a texture has texels."""


def answer(
    photo: np.ndarray,
    category: str,
    root: str,
    device: Device = "auto",
    mask: np.ndarray | None = None,
    refine: bool = True,
    segmenter: TransformersConfig | None = None,
) -> Answer:
    """The animal in a photo (height, width, 3), under the mask if there is one, by the category's best model.

    The category may name a release of it, as `cow/farm3d-laptop-0123`. The animal is left as predicted, or fitted to
    its mask and dressed in the photo's coat. `segmenter` looks for it in place of the one that the model came with.

    Raises MissingModel if the named one was not published, MissingWeights if the segmenter has none, NothingKept if
    there is no such animal in the photo.
    """
    chosen = select_model(category, root, segmenter)
    with acquire_device(device) as where:
        crop = crop_photo(photo, chosen.crops, where, mask)
        renderer = chosen.renderer(where)
        reconstruction = chosen.load(where, refine).predict(collate([crop], chosen.size, torch_device(where)))
        if refine:
            reconstruction = dress_answer(reconstruction, renderer, photo, crop)
        return Answer(chosen.category, reconstruction, renderer)


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
