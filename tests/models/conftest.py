"""A small animal for everything that needs a model but not a good one."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from models.core.category import Category
from models.data.batch import Batch
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.reconstruction import AnimalReconstructor
from models.rendering import Reference


@dataclass
class MeanColours:
    """A frozen "transformer" whose tokens are the colours of an image's patches."""

    channels: int = 3
    digest: str = "mean colours"

    def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
        patches = torch.nn.functional.avg_pool2d(images.movedim(-1, 1), 8)
        return patches, patches


@pytest.fixture(scope="session")
def reconstructor() -> AnimalReconstructor:
    """An untrained animal, shaken so that photos differ in pose, colour and shape."""
    torch.manual_seed(0)
    config = AnimalConfig(
        prior=PriorConfig(grid=12, fine_grid=12),
        encoder=EncoderConfig(image=64, grid=8, width=8, code=8, feature_cache_size=0),
    )
    animal = config.build(Category(name="cow", segment_as=("cow",)), MeanColours())
    with torch.no_grad():
        for part in (animal.articulation, animal.deformation, animal.albedo):
            for weights in part.parameters():
                weights += 0.15 * torch.randn_like(weights)
    return AnimalReconstructor(animal.eval(), Reference(), None)


@pytest.fixture(scope="session")
def crops() -> Batch:
    """Three coloured blots."""
    image = torch.rand(3, 48, 48, 3, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(3, 48, 48)
    mask[:, 12:36, 12:36] = 1
    return Batch(image, mask, torch.ones_like(mask), None, torch.tensor([0, 1, -1]), torch.arange(3))


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """What `main` of the hub model owner/model was when it was fetched here; its files are not there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    main = tmp_path / "models--owner--model" / "refs" / "main"
    main.parent.mkdir(parents=True)
    main.write_text("c0ffee" * 6 + "c0ff")
    return main.read_text()


@pytest.fixture
def refuse(monkeypatch):
    """Makes a class of a library say, in an error, which revision it was asked to load."""

    def load(model, revision=None, **options):
        raise OSError(f"asked for revision {revision}")

    return lambda kind: monkeypatch.setattr(kind, "from_pretrained", load)
