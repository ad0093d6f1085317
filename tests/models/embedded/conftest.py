"""A few true pictures, small, for the trainings."""

import pytest
import torch
from transformers import ViTConfig, ViTModel

from models.embedded.photo_set import Pictures, load_pictures, render_pictures
from models.features import Vit


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Pictures:
    """Six photos of 64 px."""
    folder = tmp_path_factory.mktemp("few")
    render_pictures(folder, 2, 64)
    return load_pictures(folder, 2)


@pytest.fixture(scope="session")
def vit() -> Vit:
    """A small one with random weights."""
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    return Vit(ViTModel(config, add_pooling_layer=False).eval(), None)
