"""A store, and the parts of `material` in the place of the loaded ones."""

import pytest

from models.core.category import BarnyardTruth
from models.generators import StableDiffusionConfig
from models.segmenters import PointRendConfig
from storage.runs.releases import promote_release
from storage.store.layout import Store
from storage.store.references import digest
from tasks.evaluate import evaluate
from tasks.publish import publish
from tasks.shard import shard
from tests.tasks.material import (
    ALIKE,
    CONFIG,
    HELD_OUT,
    PHOTOS,
    RELEASE,
    Drawn,
    Red,
    made,
    tiny_model,
    tiny_vit,
    trained,
)


@pytest.fixture
def drawn(monkeypatch):
    """Put the drawing generator and the red segmenter in the place of the loaded ones."""
    return in_place(monkeypatch)


def in_place(monkeypatch):
    parts = {StableDiffusionConfig: Drawn(), PointRendConfig: Red()}
    for module in ("tasks.generate", "tasks.segment"):
        monkeypatch.setattr(f"{module}.cached_model", lambda config, where: parts[type(config)])
    return parts[StableDiffusionConfig]


@pytest.fixture(scope="session")
def crops(tmp_path_factory):
    """A snapshot of 12 crops."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    with pytest.MonkeyPatch.context() as patch:
        in_place(patch)
        return shard.fn(made(store, 2), 12, ALIKE, "cpu")


@pytest.fixture(scope="session")
def vit(tmp_path_factory):
    """A ViT with random weights."""
    return tiny_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def model(crops, vit):
    """A finished run of four steps."""
    ref = Store(crops.root).model("cow", "tiny")
    return trained(ref, crops, tiny_model(vit))


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "data"))


@pytest.fixture
def photos(store):
    """The first shard of photos, not made yet."""
    return store.raw("cow", digest(PHOTOS), 0)


@pytest.fixture(scope="session")
def measured(model, crops):
    """The finished run with its numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.evaluate.SHAPES", 2)
        return evaluate.fn([model], crops, BarnyardTruth(), HELD_OUT, CONFIG, "cpu")


@pytest.fixture(scope="session")
def release(measured, crops):
    """What was published of it; it is of MagicPony, not of the main method, so it answers because it is promoted."""
    published = publish.fn(measured, crops, RELEASE, "smoke", "cpu")
    promote_release(Store(published.root), f"cow/{published.run}", by="tests")
    return published
