"""A few true pictures, small, for the trainings."""

import pytest

from models.embedded.photo_set import Pictures, load_pictures, render_pictures
from models.features import Vit
from tests.models.methods.magicpony.pretraining.test_quadruped import tiny_vit


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Pictures:
    """Six photos of 64 px."""
    folder = tmp_path_factory.mktemp("few")
    render_pictures(folder, 2, 64)
    return load_pictures(folder, 2)


@pytest.fixture(scope="session")
def vit() -> Vit:
    """A small one with random weights."""
    return tiny_vit()
