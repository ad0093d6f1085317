"""Training of the keypoint reading: one linear layer on the frozen ViT's tokens of barnyard photos, mirrored ones too.

The number of photos counts more than anything else that was tried (docs/lab, round 23).
"""

from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.core.weights import replace_folder
from models.data.framing import crop_animal
from models.data.transforms import move_points
from models.embedded.photo_set import Pictures
from models.features.keypoint_reading import FILE, centres, heat_maps
from models.features.vit import Vit
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT

BATCH_SIZE = 32
MIRROR = torch.tensor([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class KeypointTraining(Config):
    """Size and length of the training."""

    photos: int = Field(default=4320, ge=16, description="photos that are read, evenly from those there are")
    steps: int = Field(default=2000, ge=1, description="steps of AdamW")
    batch: int = Field(default=48, ge=1, description="crops in each")
    rate: float = Field(default=0.01, gt=0, description="first step of each weight; it shrinks to nothing")
    weight_decay: float = Field(default=1.0, ge=0, description="weight decay of AdamW: what is unsure spreads its map")


def train_keypoints(config: KeypointTraining, pictures: Pictures, vit: Vit, folder: Path) -> float:
    """Write the folder; returns the mean error on every eighth photo, which it does not learn from."""
    tokens, known = read_tokens(config.photos, pictures, vit)
    held = torch.arange(len(known)) // 2 % 8 == 7
    weight = fit_reading(config, tokens[~held], known[~held])
    from safetensors.torch import save_file

    with replace_folder(folder) as place:
        about = {"keypoints": " ".join(KEYPOINTS), "vit": vit.digest}
        save_file({"weight": weight}, place / FILE, about)
    return reading_error(weight, tokens[held], known[held])


def read_tokens(
    count: int, pictures: Pictures, vit: Vit
) -> tuple[Float[Tensor, "photos channels rows columns"], Float[Tensor, "photos keypoints 2"]]:
    """Tokens of crops, each before its mirror image, in half precision, and where the keypoints are in them."""
    size = pictures.image.shape[1]
    rows = torch.linspace(0, len(pictures) - 1, min(count, len(pictures))).long().tolist()
    images, known = [], []
    for row in rows:
        crop = crop_animal(pictures.image[row], pictures.part[row] > 0, size)
        images.append(torch.from_numpy(crop.image))
        pixels = (pictures.keypoints[row, :, :2] + 1) / 2 * size - (crop.box.left, crop.box.top)
        known.append(torch.from_numpy(pixels / crop.box.width * 2 - 1).float())
    crops, places = torch.stack(images), torch.stack(known)
    mirrored = move_points(places, torch.tensor(OPPOSITE_KEYPOINT), MIRROR.expand(len(places), -1, -1))
    shown = torch.stack((crops, crops.flip(2)), 1).flatten(0, 1)
    tokens = [vit.tokens(batch.float() / 255)[0].half() for batch in shown.split(BATCH_SIZE)]
    return torch.cat(tokens), torch.stack((places, mirrored), 1).flatten(0, 1)


def fit_reading(
    config: KeypointTraining,
    tokens: Float[Tensor, "photos channels rows columns"],
    known: Float[Tensor, "photos keypoints 2"],
) -> Float[Tensor, "keypoints channels 3 3"]:
    """The linear layer, by AdamW from nothing."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.zeros(known.shape[1], tokens.shape[1], 3, 3, requires_grad=True)
    adam = torch.optim.AdamW([weight], lr=config.rate, weight_decay=config.weight_decay)
    shrink = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.01, config.steps)
    for _ in range(config.steps):
        rows = torch.randint(len(tokens), (config.batch,), generator=generator)
        adam.zero_grad()
        places, _ = centres(heat_maps(weight, tokens[rows].float()))
        _misses(places, known[rows]).backward()
        adam.step()
        shrink.step()
    return weight.detach()


def reading_error(
    weight: Float[Tensor, "keypoints channels 3 3"],
    tokens: Float[Tensor, "photos channels rows columns"],
    known: Float[Tensor, "photos keypoints 2"],
) -> float:
    """Mean distance from the keypoints, in halves of the crop."""
    return float(_misses(centres(heat_maps(weight, tokens.float()))[0], known))


def _misses(places: Float[Tensor, "batch keypoints 2"], known: Float[Tensor, "batch keypoints 2"]) -> Float[Tensor, ""]:
    """Points outside of the crop count for nothing."""
    inside = known.abs().amax(-1) < 1
    return ((places - known).norm(dim=-1) * inside).sum() / inside.sum().clamp(min=1)
