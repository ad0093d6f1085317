"""A table says of an answer what can be had of it, and no more."""

from dataclasses import dataclass

import torch

from models.data.batch import Batch
from models.export.abilities import ABILITIES, list_abilities
from models.methods.magicpony.reconstruction import AnimalReconstructor
from models.metrics.baselines import Constant
from models.rendering.reference import ReferenceConfig
from tests.models.geometry.test_body import ladder

ALL = set(ABILITIES)


def given(answer: object) -> set[str]:
    return {name for name, has in list_abilities(answer).items() if has}


def test_an_articulated_animal_gives_everything(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    assert given(reconstructor.predict(crops)) == ALL


def test_a_baseline_has_a_surface_seen_from_anywhere_and_nothing_else(crops: Batch) -> None:
    body, device = ladder(), torch.device("cpu")
    answer = Constant(body.mesh(body.template[None]), ReferenceConfig().build(device)).predict(crops)
    assert given(answer) == {"mesh", "camera", "novel views", "new light"}


@dataclass
class Painted:
    """No surface; colours at three points."""

    colours: torch.Tensor
    camera = None

    def __len__(self) -> int:
        return 1

    def mesh(self, row: int) -> None:
        return None

    def pick(self, row: int, count: int = 1) -> "Painted":
        return self

    def canonical(self) -> torch.Tensor:
        return torch.zeros(3, 3)

    def albedo(self, points: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return self.colours[image] if len(self.colours) == 1 else self.colours


def test_one_colour_for_all_of_it_is_no_texture() -> None:
    assert given(Painted(torch.full((1, 3), 0.4))) == set()
    assert given(Painted(torch.eye(3))) == {"texture of its own"}
