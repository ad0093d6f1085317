"""A classifier of generated photos, trained on true ones: which animal, seen from which side."""

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from models.core.category import VIEWS
from models.data.transforms import augment
from models.embedded.fitting import FitConfig, train_network
from models.embedded.photo_set import Pictures
from models.engine.loop import Checkpoints
from models.truth.barnyard.species import FARM

SIZE, WIDTH = 64, 24
RECIPE = FitConfig(steps=700, batch=64, rate=2e-3, ema_decay=0.99, weight_decay=0.05)


class Probe(nn.Module):
    """A small convolutional network with two answers."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        widths = (3, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            layers += [nn.Conv2d(outputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.answer = nn.Linear(8 * WIDTH, len(FARM) + len(VIEWS))

    def forward(
        self, image: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch species"], Float[Tensor, "batch views"]]:
        """Logits of the species and of the view word."""
        logits = self.answer(self.body(image - 0.5).mean((2, 3)))
        return logits[:, : len(FARM)], logits[:, len(FARM) :]


def train_probe(pictures: Pictures, checkpoints: Checkpoints, recipe: FitConfig = RECIPE) -> Probe:
    """A probe that has seen true photos only."""
    torch.manual_seed(recipe.seed)
    network = Probe()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        pick = torch.randint(len(pictures), (recipe.batch,), generator=generator).numpy()
        image = torch.from_numpy(pictures.image[pick]).permute(0, 3, 1, 2) / 255
        image, _ = augment(image, torch.zeros(image[:, 0].shape, dtype=torch.long), SIZE, generator)
        species, view = network(image)
        truth = [torch.from_numpy(labels[pick]).long() for labels in (pictures.category, pictures.view)]
        return cross_entropy(species, truth[0]) + cross_entropy(view, truth[1])

    network.load_state_dict(train_network(network, loss, recipe, checkpoints).state_dict())
    return network.eval()


@torch.no_grad()
def judge(
    probe: Probe, images: UInt8[ndarray, "count height width 3"]
) -> tuple[Int[ndarray, " count"], Int[ndarray, " count"]]:
    """Index of the species and of the view word that the probe sees in each photo."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    small = interpolate(pictures, (SIZE, SIZE), mode="bilinear", antialias=True)
    answers = [probe(some) for some in small.split(64)]
    species, view = (torch.cat([answer[kind].argmax(1) for answer in answers]).numpy() for kind in range(2))
    return species, view
