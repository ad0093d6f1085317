"""Recipes, and parts that are small enough to read: drawn animals, and a segmenter that sees red."""

import numpy as np
import torch
from prefect.states import State
from transformers import ViTConfig as NetworkConfig
from transformers import ViTModel

from models.core.category import Category
from models.features import VitConfig
from models.filters import DuplicateRules, ImageRules, MaskRules
from models.generators import StableDiffusionConfig
from models.methods import MagicPonyConfig
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.train import TrainingConfig
from models.metrics import EvaluationConfig
from models.metrics.chamfer import ChamferConfig
from models.rendering import ReferenceConfig
from models.segmenters import Instance, PointRendConfig
from models.truth.held_out import HeldOutConfig
from storage.store.references import digest
from tasks.filter import filter
from tasks.generate import generate
from tasks.publish import ReleaseConfig
from tasks.runtime.recipes import CropRecipe, DuplicateRecipe, ModelRecipe, PhotoRecipe
from tasks.segment import segment
from tasks.train import assemble, train

COW = Category(name="cow", segment_as=("cow",), coats=("brown", "black"))
PHOTOS = PhotoRecipe(words=COW.words, generator=StableDiffusionConfig(batch=4), weights_digest="drawn", photos=8)
CROPS = CropRecipe(
    photos=PHOTOS,
    segment_as=COW.segment_as,
    segmenter=PointRendConfig(),
    weights_digest="red",
    image_rules=ImageRules(),
    mask_rules=MaskRules(),
    size=32,
)
ALIKE = DuplicateRecipe(rules=DuplicateRules(), features=VitConfig(), weights_digest="embedded")
HELD_OUT = HeldOutConfig(scenes=2, photo=48, size=32)
CONFIG = EvaluationConfig(chamfer=ChamferConfig(voxels=16, icp_points=60, icp_iterations=3, points=100))
RELEASE = ReleaseConfig(assets=1, film=32, frames=2, texture=32)


class Drawn:
    """A red ellipse on green noise per seed; every fourth photo is blank, and `photos` counts."""

    sampler = "Ellipses"

    def __init__(self):
        self.photos = 0

    def generate(self, prompts, seeds):
        assert len(prompts) == len(seeds)
        made = [self.draw(seed, blank=(self.photos + place) % 4 == 3) for place, seed in enumerate(seeds)]
        self.photos += len(made)
        return np.stack(made)

    def draw(self, seed, blank):
        random = np.random.default_rng(seed)
        if blank:
            return np.full((48, 48, 3), 90, np.uint8)
        photo = random.integers(0, 120, (48, 48, 3)).astype(np.uint8)
        photo[..., 1] += 100
        down, right = np.mgrid[:48, :48] - random.integers(20, 28, (2, 1, 1))
        photo[(down / 9) ** 2 + (right / 14) ** 2 < 1] = (220, 40, 30)
        return photo


class Red:
    """Finds what is red."""

    def segment(self, images, classes):
        masks = [(image[..., 0] > 180) & (image[..., 1] < 100) for image in images]
        return [[Instance(mask, 0.9, classes[0])] if mask.any() else [] for mask in masks]


def made(store, count):
    """Shards of crops."""
    refs = []
    for index in range(count):
        photos = store.raw("cow", digest(PHOTOS), index)
        for task, arguments in ((generate, (PHOTOS, "cpu")), (filter, (CROPS,)), (segment, (CROPS, "cpu"))):
            photos = plain(task.fn(photos, *arguments))
        refs.append(photos)
    return refs


def plain(answer):
    """What a reused product stands for."""
    return answer.data if isinstance(answer, State) else answer


def tiny_vit(folder):
    """A genuine ViT folder with random weights."""
    torch.manual_seed(0)
    config = NetworkConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return VitConfig(model=str(folder))


def tiny_model(vit, steps=4):
    """A recipe that trains in a second."""
    method = MagicPonyConfig(
        vit=vit,
        animal=AnimalConfig(
            prior=PriorConfig(grid=12, fine_grid=12, channels=4),
            encoder=EncoderConfig(image=32, grid=4, width=8, code=8),
        ),
        losses=LossWeights(eikonal_points=50),
        training=TrainingConfig(steps=steps, size=32, report_every=2, panel_every=4, save_every=2),
    )
    return ModelRecipe(
        category=COW.without_truth,
        method=method,
        weights_digests={"vit": vit.digest(), "warm_start": ""},
        renderer=ReferenceConfig(),
    )


def trained(model, crops, recipe):
    """The finished model of a recipe: every stage, then what they left behind together."""
    for stage in recipe.method.stages():
        train.fn(model, stage.name, crops, recipe, "cpu")
    return assemble.fn(model, crops, recipe)
