"""Training of the embedded PointRend on barnyard photos."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy, one_hot

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.weights import replace_folder
from models.data.cutouts import draw_things, join_cutouts, load_cutouts, scatter
from models.data.scenery import paint_backdrops
from models.data.staging import Photos, Props, Stage
from models.embedded.fitting import FitConfig, train_network
from models.embedded.photo_set import Pictures
from models.engine.loop import Checkpoints
from models.geometry.cameras import DISTANCE
from models.segmenters.pointrend import COARSE, PointNetwork, sample, uncertainty
from models.truth.barnyard.backdrop import PLACES, SHADOW_CELLS, paint, sample_backdrop
from models.truth.barnyard.species import FARM, SPECIES

BACKDROP = 160
"""Pixels along an edge of a backdrop, of which pictures show pieces."""


class SegmenterTraining(Config):
    """Size and training of the segmenter."""

    width: int = Field(default=24, ge=4, description="channels at half resolution; they double with every halving")
    points: int = Field(default=192, ge=1, description="points asked per picture")
    oversample: int = Field(default=3, ge=1, description="random candidates per point (k of the paper)")
    uncertain: float = Field(default=0.75, ge=0, le=1, description="share of points that are the least certain (beta)")
    sizes: tuple[int, ...] = Field(
        default=(96, 128), description="pixels of a picture, in turn; the last alone in the last fifth of the run"
    )
    shares: tuple[float, float, float, float, float] = Field(
        default=(0.22, 0.32, 0.25, 0.18, 0.03),
        description="photos as they are, their animals before other backdrops, drawn animals, things, backdrops alone",
    )
    artwork: str | None = Field(
        default=None,
        description="folder of pictures with transparency, a folder for each species and `things`, and `backdrops`",
    )
    things: int = Field(default=1400, ge=1, description="things drawn from random numbers")
    backdrops: int = Field(default=900, ge=1, description="backdrops without any meaning")
    meadows: int = Field(default=350, ge=1, description="empty places of the barnyard")
    clutter: int = Field(default=600, ge=0, description="backdrops full of things")
    recipe: FitConfig = FitConfig(steps=18000, batch=24, rate=2.5e-3, weight_decay=0.02, ema_decay=0.998)


def train_segmenter(
    config: SegmenterTraining,
    pictures: Pictures,
    folder: Path,
    checkpoints: Checkpoints,
    extra: UInt8[ndarray, "count size size 3"] | None = None,
) -> None:
    """Write config.json and model.safetensors; `extra` are other versions of the first pictures, with their labels."""
    from safetensors.torch import save_file

    torch.manual_seed(config.recipe.seed)
    labels = SPECIES[: int(pictures.category.max()) + 1]
    network = PointNetwork(labels, config.width).train()
    weights = np.array([2.0 if name in FARM else 1.0 for name in labels])
    stage = Stage(collect_props(config, pictures, extra), config.shares, weights)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        last = step >= 0.8 * config.recipe.steps
        size = config.sizes[-1 if last else step % len(config.sizes)]
        image, label = stage.draw(config.recipe.batch, size, generator)
        return point_loss(config, network, image.contiguous(memory_format=torch.channels_last), label, generator)

    average = train_network(network, loss, config.recipe, checkpoints).eval()
    with replace_folder(folder) as place:
        (place / "config.json").write_text(json.dumps({"labels": labels, "width": config.width}))
        save_file(_half_precision(average), place / "model.safetensors")


def _half_precision(network: PointNetwork) -> dict[str, Tensor]:
    """The weights as they are stored: half as many bytes, the same masks."""
    state = network.state_dict()
    return {name: value.half().contiguous() if value.is_floating_point() else value for name, value in state.items()}


def collect_props(
    config: SegmenterTraining, pictures: Pictures, extra: UInt8[ndarray, "count size size 3"] | None
) -> Props:
    """What the segmenter's pictures are made from: photos, artwork, and what is drawn from random numbers."""
    photos = _photos(pictures, pictures.image)
    size = pictures.image.shape[1]
    animals, things = load_cutouts([], size), draw_things(config.things, size, np.random.default_rng(5))
    backdrops = [_paint(config.backdrops), paint_meadows(config.meadows, BACKDROP)]
    if config.artwork is not None:
        artwork = Path(config.artwork)
        if not (artwork / "things").is_dir():
            raise ValueError(f"artwork: {artwork} has no folder `things`; benchmarks/collect_artwork.py makes one")
        animals = load_cutouts([(artwork / name, index + 1) for index, name in enumerate(SPECIES)], size)
        things = join_cutouts((load_cutouts([(artwork / "things", 0)], size), things))
        backdrops.append(load_backdrops(artwork / "backdrops"))
    versions = None if extra is None else _photos(pictures, extra)
    backdrops.append(scatter(things, np.concatenate(backdrops), config.clutter, np.random.default_rng(11)))
    return Props(photos, versions, animals, things, np.concatenate(backdrops))


def _photos(pictures: Pictures, image: UInt8[ndarray, "count size size 3"]) -> Photos:
    count = len(image)
    return Photos(image, pictures.part[:count] > 0, pictures.category[:count].astype(np.int64) + 1)


def _paint(count: int) -> UInt8[ndarray, "count size size 3"]:
    generator, parts = torch.Generator().manual_seed(3), []
    for start in range(0, count, 50):
        painted = paint_backdrops(min(50, count - start), BACKDROP, generator)
        parts.append((painted * 255).byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


def paint_meadows(count: int, size: int) -> UInt8[ndarray, "{count} {size} {size} 3"]:
    """The barnyard's places without an animal, seen from all around."""
    random, no_shadow = np.random.default_rng(4), np.zeros((SHADOW_CELLS, SHADOW_CELLS), np.float32)
    images = np.zeros((count, size, size, 3), np.uint8)
    for image in images:
        backdrop = sample_backdrop(PLACES[random.integers(len(PLACES))], random.uniform(-1.1, -0.5), no_shadow, random)
        around, up = random.uniform(0, 2 * np.pi), np.deg2rad(random.uniform(-3, 25))
        back = np.array((np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)))
        right = np.cross((0, 1, 0), back)
        right /= np.linalg.norm(right)
        rotation = np.stack((right, np.cross(back, right), back)).astype(np.float32)
        position = DISTANCE * back
        position[1] = max(position[1], backdrop.height + 0.6)
        image[:] = paint(backdrop, rotation, position.astype(np.float32), np.deg2rad(25), size).clip(0, 1) * 255
    return images


def load_backdrops(folder: Path) -> UInt8[ndarray, "count size size 3"]:
    """Square pieces of the folder's pictures, fourteen of each."""
    random, pieces = np.random.default_rng(6), []
    for path in sorted(folder.glob("*.*")):
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((640, 640))
        for _ in range(14):
            side = int(random.uniform(0.4, 1) * min(picture.size))
            left, top = (int(random.uniform(0, edge - side)) for edge in picture.size)
            piece = picture.crop((left, top, left + side, top + side))
            pieces.append(np.asarray(piece.resize((BACKDROP, BACKDROP), Image.Resampling.LANCZOS)))
    return np.stack(pieces) if pieces else np.zeros((0, BACKDROP, BACKDROP, 3), np.uint8)


def point_loss(
    config: SegmenterTraining,
    network: PointNetwork,
    image: Float[Tensor, "batch 3 size size"],
    label: Int[Tensor, "batch size size"],
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Cross entropy of the coarse cells and of points, most of which lie where the coarse prediction is uncertain."""
    with bf16_autocast():
        coarse, fine = network(image)
    coarse, fine = coarse.float(), [each.float() for each in fine]
    truth = one_hot(label, len(network.labels) + 1).permute(0, 3, 1, 2).float()
    shares = avg_pool2d(truth, COARSE)
    points = choose_points(config, coarse.detach(), generator)
    with bf16_autocast():
        asked = network.refine(coarse, fine, points).float()
    return cross_entropy(coarse, shares) + cross_entropy(asked, sample(truth, points))


def choose_points(
    config: SegmenterTraining, coarse: Float[Tensor, "batch classes rows columns"], generator: torch.Generator
) -> Float[Tensor, "batch count 2"]:
    """Training points: the least certain of many random ones, and some anywhere (the paper's section 3.1)."""
    batch, count = len(coarse), config.points
    sure = round(config.uncertain * count)
    candidates = torch.rand(batch, config.oversample * count, 2, generator=generator) * 2 - 1
    best = uncertainty(sample(coarse, candidates)).topk(sure, 1).indices
    hard = candidates.gather(1, best[..., None].expand(-1, -1, 2))
    return torch.cat((hard, torch.rand(batch, count - sure, 2, generator=generator) * 2 - 1), 1)
