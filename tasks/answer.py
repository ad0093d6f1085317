"""What the newest model of a category makes of somebody's photo."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from models import film
from models.asset import asset
from models.errors import MissingModel, NothingKept
from models.filters.crop import crop_box, cut
from models.prediction import Prediction
from models.recipes import CropRecipe
from models.reconstruction import AnimalReconstructor
from models.training.batch import Crops
from storage import bundles, layout, snapshots
from storage.layout import Store
from storage.meshes import Asset
from tasks.machine import Device, loaded, place, torch_device
from tasks.trained import recipe_of, reconstructor

FILMS = {"turntable": film.turntable, "walk": film.walking, "relit": film.relit}
Film = Literal["turntable", "walk", "relit"]


@dataclass(frozen=True)
class Answer:
    """The animal of one photo."""

    name: str
    ours: AnimalReconstructor
    prediction: Prediction

    def asset(self, texture: int) -> Asset:
        """Rigged and textured."""
        return Asset(**vars(asset(self.ours, self.prediction, 0, self.name, texture)))

    def film(self, kind: Film, size: int, frames: int) -> np.ndarray:
        """Frames (frames, size, size, 3)."""
        return FILMS[kind](self.ours, self.prediction, size, frames)


def answer(photo: np.ndarray, category: str, root: str, device: Device = "auto") -> Answer:
    """The animal in a photo (height, width, 3), by the model that was published last.

    Raises MissingModel if none was published, NothingKept if there is no such animal in the photo.
    """
    store = Store(root)
    release = store.newest_release(category)
    if release is None:
        raise MissingModel(
            f"{store.root}: no model of {category!r} was published; train one with `farm3d run {category}`"
        )
    about: Any = bundles.committed(layout.release(release))
    recipe = CropRecipe.model_validate(snapshots.read(store.dataset(category, about.about["snapshot"])).config)
    model = store.model(category, release.run)
    with place(device) as where:
        ours = reconstructor(model, where)
        crop = _crop(photo, recipe, where)
        crops = Crops([crop], recipe_of(model).training.size, torch_device(where))
        return Answer(category, ours, ours.predict(crops.batch(torch.tensor([0]))))


def opened(path: Path) -> np.ndarray:
    """A picture file as RGB.

    Raises ValueError if it is none.
    """
    try:
        return np.array(Image.open(path).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as a picture; give a JPEG, PNG or WebP file") from error


def _crop(photo: np.ndarray, recipe: CropRecipe, where: str) -> Any:  # noqa: ANN401 - one of Crops' samples
    """The likeliest animal cut out as training pictures are; found at the size that the segmenter knows."""
    height, width = photo.shape[:2]
    scale = recipe.photos.generator.size / max(height, width)
    seen = Image.fromarray(photo).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    found = loaded(recipe.segmenter, where).segment(np.array(seen)[None], recipe.segment_as)[0]
    if not found:
        raise NothingKept(f"no {recipe.photos.words.name} was found in the photo; give one that shows the whole animal")
    mask = np.asarray(Image.fromarray(found[0].mask).resize((width, height), Image.Resampling.BILINEAR))
    box = crop_box(mask)
    image, cut_out, valid = (cut(each, box, recipe.size) for each in (photo, mask, np.ones_like(mask)))
    return SimpleNamespace(image=image, mask=cut_out, valid=valid, features=None, view=-1)
