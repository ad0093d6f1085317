"""Photos without view words say which side their heads are on."""

from math import pi
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from models.data.batch import Batch
from models.data.crops import Crops
from models.data.framing import Crop
from models.methods.magicpony.pretraining import orientation
from models.methods.magicpony.pretraining.orientation import label_heads
from models.methods.magicpony.reconstruction import AnimalReconstructor
from tests.models.data.test_crops import CPU

HEADS = [1, -1, 1, 1, -1, -1, 1]
"""To the right or to the left."""


def photo(head: int, view: int = -1) -> Crop:
    """Brighter towards the head."""
    ramp = np.linspace(60, 200, 8).astype(np.uint8)[::head]
    image = np.broadcast_to(ramp[None, :, None], (8, 8, 3)).copy()
    return Crop(image, np.ones((8, 8), bool), np.ones((8, 8), bool), view)


class Guessing(AnimalReconstructor):
    """Sees all heads rightly but the first, with the photos' colours as keys."""

    def __init__(self) -> None:
        look = SimpleNamespace(tokens=lambda batch, training: (None, batch.image.movedim(-1, 1)))
        object.__setattr__(self, "animal", look)

    def predict(self, batch: Batch) -> Any:
        rows = batch.index // 2
        seen = torch.tensor(HEADS)[rows] * torch.where(rows == 0, -1, 1)
        return SimpleNamespace(camera=SimpleNamespace(azimuth=-seen * pi / 2))


def headings(views: list[int], at_once: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.setattr(orientation, "AT_ONCE", at_once)
    crops = Crops([photo(head, view) for head, view in zip(HEADS, views, strict=True)], 8, CPU)
    label_heads(crops, Guessing())
    heading = crops.batch(torch.arange(len(HEADS))).heading
    assert heading is not None
    return heading.tolist()


@pytest.mark.parametrize("at_once", [2, 32])
def test_the_photos_correct_a_wrong_guess(
    at_once: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert headings([-1] * 7, at_once, monkeypatch) == HEADS
    assert "in 7 of 7 crops, in 1 against the start" in caplog.text


def test_where_prompts_have_said_a_view_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert headings([-1] * 6 + [1], 32, monkeypatch) == [0] * 7
