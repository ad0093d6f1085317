"""One picture that shows how training stands: photos, what the animal makes of them, and the virtual views."""

from math import degrees

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import look_at
from models.methods.magicpony.model import Animal
from models.methods.magicpony.state import Prediction
from models.rendering import Renderer
from models.rendering.types import Light

ROWS = 4
"""Crops shown: always the first of the training set, so that panels of a run can be compared."""
TURNS = (0.6, 2.2, 3.9, 5.4)
"""Azimuths of the views from elsewhere, in radians; front-right to front-left."""
GREEN = (0.1, 0.8, 0.3)
FONT_PX, LINE_PX = 10, 14
"""Height of the letters, and of a line with the room below it."""
CAPTION_PX = 3 * LINE_PX
HEADINGS = ("photo", "mask", "rendering", "over photo", *(f"from {degrees(turn):.0f} deg" for turn in TURNS))


def panel(
    animal: Animal,
    renderer: Renderer,
    batch: Batch,
    progress: float,
    virtual: list[tuple[str, Float[Tensor, "... 3"]]],
) -> UInt8[np.ndarray, "height width 3"]:
    """Headings, and a row per crop: photo, mask, rendering, predicted silhouette over the photo, views from elsewhere.

    `virtual` (caption, picture) are the newest views shown to the diffusion model; they make the last rows.
    """
    size = batch.image.shape[1]
    was_training = animal.training
    animal.eval()
    with torch.no_grad():
        prediction = animal(batch, progress, None)
        own = animal.render(prediction, renderer, size)
        columns = [
            batch.image,
            batch.mask[..., None].expand_as(batch.image),
            _on_white(own.rgb, own.mask),
            _tinted(batch.image, own.mask),
            *(_elsewhere(animal, renderer, prediction, turn, size) for turn in TURNS),
        ]
    animal.train(was_training)
    sheet = torch.cat([torch.cat(list(column), 0) for column in columns], 1)
    pixels = (sheet.clamp(0, 1) * 255).byte().cpu().numpy()
    return np.concatenate([_headed(pixels), *([_captioned(virtual, pixels.shape[1])] if virtual else [])])


def _elsewhere(animal: Animal, renderer: Renderer, prediction: Prediction, azimuth: float, size: int) -> Tensor:
    around = prediction.score.new_full((len(prediction.score),), azimuth)
    direction = prediction.score.new_tensor((0.0, 0.5, 1.0)).expand(len(around), 3)
    light = Light(
        direction / direction.norm(dim=-1, keepdim=True), torch.full_like(around, 0.4), torch.full_like(around, 0.7)
    )
    seen = animal.render(prediction, renderer, size, look_at(around, torch.full_like(around, 0.2)), light)
    return _on_white(seen.rgb, seen.mask)


def _on_white(rgb: Float[Tensor, "b h w 3"], mask: Float[Tensor, "b h w"]) -> Tensor:
    return rgb + 1 - mask[..., None]


def _tinted(image: Float[Tensor, "b h w 3"], mask: Float[Tensor, "b h w"]) -> Tensor:
    return image + 0.5 * mask[..., None] * (image.new_tensor(GREEN) - image)


def _headed(pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows width 3"]:
    """The columns below their names."""
    band = Image.new("RGB", (pixels.shape[1], LINE_PX), "white")
    draw = ImageDraw.Draw(band)
    for column, heading in enumerate(HEADINGS):
        draw.text((column * pixels.shape[1] // len(HEADINGS) + 2, 0), heading, fill="black", font_size=FONT_PX)
    return np.concatenate([np.asarray(band), pixels])


def _captioned(virtual: list[tuple[str, Float[Tensor, "... 3"]]], width: int) -> UInt8[np.ndarray, "height width 3"]:
    """The virtual views in rows, each above its caption."""
    size = len(virtual[0][1])
    columns = max(1, width // size)
    rows = -(-len(virtual) // columns)
    sheet = Image.new("RGB", (width, rows * (size + CAPTION_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (caption, picture) in enumerate(virtual):
        left, top = place % columns * size, place // columns * (size + CAPTION_PX)
        pixels = (picture.clamp(0, 1) * 255).byte().cpu().numpy()
        sheet.paste(Image.fromarray(pixels), (left, top))
        draw.text((left + 2, top + size), caption.replace(" | ", "\n"), fill="black", font_size=FONT_PX)
    return np.asarray(sheet)
