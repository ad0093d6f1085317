"""Training of the embedded ViT on barnyard photos: every patch tells what it shows, all together where keypoints are.

Ten minutes of self-distillation on a laptop gives weak tokens; parts are known exactly here and give tokens that agree
between individuals, as DINO's do. Left and right parts are one, as they are to DINO; keypoints tell them apart.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

from pathlib import Path

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.schedule import Share
from models.core.weights import replace_folder
from models.data.transforms import degrade, motion, move, move_points, recolour
from models.embedded.fitting import FitConfig, train_network
from models.embedded.part_loss import merged_parts, part_weights, soft_part_cross_entropy
from models.embedded.photo_set import Pictures, sample_batch
from models.engine.loop import Checkpoints
from models.features.vit import embed, last_tokens
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT

PATCH = 8


class FeatureTraining(Config):
    """Size and training of the ViT."""

    width: int = Field(default=192, ge=32, multiple_of=64, description="channels of a token; 64 to a head")
    layers: int = Field(default=5, ge=1, description="transformer blocks")
    sizes: dict[Share, tuple[int, ...]] = Field(
        default={0.0: (64,), 0.35: (96, 64), 0.6: (128, 96, 128, 64)},
        description="pixels of a picture, in turn, from each share of the training on",
    )
    keypoints: float = Field(default=4.0, ge=0, description="weight of the distance to keypoints beside the parts")
    recipe: FitConfig = FitConfig(steps=4000, batch=32, rate=1e-3, muon_rate=1.5e-3, ema_decay=0.998, weight_decay=0.03)

    def size(self, step: int) -> int:
        """Pixels along an edge of the pictures of a step."""
        begun = max(share for share in self.sizes if share <= step / self.recipe.steps)
        return self.sizes[begun][step % len(self.sizes[begun])]


class Labeller(nn.Module):
    """The ViT, and linear readings of its final tokens and of its last keys: parts, and heat maps of keypoints."""

    def __init__(self, config: FeatureTraining, parts: int) -> None:
        """Random weights."""
        from transformers import ViTConfig, ViTModel

        super().__init__()
        self.vit = ViTModel(ViTConfig(
            hidden_size=config.width, num_hidden_layers=config.layers, num_attention_heads=config.width // 64,
            intermediate_size=4 * config.width, image_size=max(max(sizes) for sizes in config.sizes.values()),
            patch_size=PATCH,
            # Plain attention has a backward pass several times faster than PyTorch's fused one on a CPU.
            attn_implementation="eager",
        ), add_pooling_layer=False)  # fmt: skip
        self.from_out, self.from_key = (nn.Linear(config.width, parts + len(KEYPOINTS)) for _ in range(2))

    def forward(
        self, images: Float[Tensor, "batch height width 3"]
    ) -> tuple[Float[Tensor, "batch patches readings"], Float[Tensor, "batch patches readings"]]:
        """Logits of the parts and of the keypoints in every patch, from tokens and from keys."""
        hidden, _ = embed(self.vit, images, PATCH)
        out, key = last_tokens(self.vit, hidden)
        return self.from_out(out[:, 1:]), self.from_key(key[:, 1:])


def train_features(config: FeatureTraining, pictures: Pictures, folder: Path, checkpoints: Checkpoints) -> None:
    """Write a ViTModel folder."""
    torch.manual_seed(config.recipe.seed)
    names, table = merged_parts()
    weight = part_weights(table[pictures.part[::16]], len(names))
    network, opposite = Labeller(config, len(names)), torch.tensor(OPPOSITE_KEYPOINT)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        size = config.size(step)
        image, part, keypoints = sample_training_batch(pictures, table, config.recipe.batch, generator)
        moves = motion(len(image), generator)
        image, part = move(image, part, moves, size, generator)
        image, keypoints = degrade(recolour(image, generator), generator), move_points(keypoints, opposite, moves)
        with bf16_autocast():
            readings = network(image.permute(0, 2, 3, 1))
        total = torch.zeros(())
        for logits in readings:
            parts, heat = logits.float().split((len(names), len(KEYPOINTS)), -1)
            total = total + soft_part_cross_entropy(parts.mT.unflatten(2, (size // PATCH, -1)), part, weight)
            total = total + config.keypoints * keypoint_error(heat, keypoints)
        return total

    average = train_network(network, loss, config.recipe, checkpoints)
    average.vit.config.told = pictures.species
    with replace_folder(folder) as place:
        average.vit.half().save_pretrained(place, safe_serialization=True)


def keypoint_error(
    heat: Float[Tensor, "batch patches keypoints"], known: Float[Tensor, "batch keypoints 2"]
) -> Float[Tensor, ""]:
    """Mean distance, in normalised device coordinates, from the heat's centre to keypoints inside the picture."""
    side = round(heat.shape[1] ** 0.5)
    axis = (2 * torch.arange(side) + 1) / side - 1
    places = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).flatten(0, 1)
    error = (heat.softmax(1).mT @ places - known).norm(dim=-1)
    inside = known.abs().amax(-1) < 1
    return (error * inside).sum() / inside.sum().clamp(min=1)


def sample_training_batch(
    pictures: Pictures,
    table: UInt8[ndarray, " parts"],
    batch: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "batch 3 size size"], Int[Tensor, "batch size size"], Float[Tensor, "batch keypoints 2"]]:
    """Random pictures in [0, 1]; every pixel's part; keypoints."""
    index, image = sample_batch(pictures, None, batch, generator)
    part = torch.from_numpy(table[pictures.part[index]]).long()
    return image, part, torch.from_numpy(pictures.keypoints[index, :, :2])
