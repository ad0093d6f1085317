"""What refinement changes in most photos becomes part of every answer."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from models.data.batch import Batch
from models.data.crops import Crops
from models.engine.loop import Learner, LoopConfig, fit
from models.geometry.mesh import Mesh
from models.methods.magicpony.panels import LINE_PX
from models.methods.magicpony.pretraining.shape_fitting import ShapeFitting, ShapeLearner
from models.methods.magicpony.reconstruction import AnimalReconstruction
from models.methods.magicpony.refine import RefinableReconstructor
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.engine.test_loop import Shelf, Signal, interrupted
from tests.models.methods.magicpony.pretraining.test_silhouette_fitting import started

CONFIGURATION = ShapeFitting(steps=60, photos=4, batch=4, vertices=256, rate=1e-2)
CROPS = Crops([crop(seed, size=32, channels=16) for seed in range(9)], 32, CPU)


@dataclass(frozen=True)
class Widening(RefinableReconstructor):
    """Its refined answers are wider, each crop's by more than the one's before."""

    by: float = 0.0

    def refined(self) -> "Widening":  # type: ignore[override]
        return replace(self, by=0.01)

    def predict(self, batch: Batch) -> AnimalReconstruction:
        found = super().predict(batch)
        factor = 1 + self.by * (batch.index // 2)[:, None, None]
        rest = found.prediction.rest.vertices * torch.cat((factor, torch.ones_like(factor).expand(-1, 1, 2)), 2)
        return replace(found, prediction=replace(found.prediction, rest=Mesh(rest, found.prediction.rest.faces)))


def learner(deforms: bool = False, **changes: Any) -> ShapeLearner:
    animal = started()
    if deforms:
        torch.nn.init.normal_(animal.deformation.mlp.last.weight, std=10)
    config = CONFIGURATION.model_copy(update=changes)
    return ShapeLearner(animal, CROPS, Widening(animal, Reference(), None), config, 1)


def train(learning: ShapeLearner, shelf: Shelf | None = None) -> list[dict[str, float]]:
    loop, told = LoopConfig(steps=learning.config.steps, save_every=3, report_every=1, panel_every=1000), []
    fit(learning, loop, shelf or Shelf(), lambda step, values, panel: told.append(values), ())
    return told


def test_it_is_what_the_loop_trains() -> None:
    assert isinstance(learner(), Learner)
    assert learner().panel(0.5).shape[0] == LINE_PX + 4 * 32


@pytest.mark.parametrize(("photos", "rows"), [(4, [0, 2, 4, 6]), (3, [0, 3, 6]), (100, list(range(9)))])
def test_photos_are_spread_over_the_training_set(photos: int, rows: list[int]) -> None:
    assert learner(photos=photos).rows.tolist() == rows


def test_the_change_is_the_mean_of_what_refinement_changes() -> None:
    learning = learner()
    wide = learning.vertices.new_tensor([1.0, 0.0, 0.0]) * learning.vertices
    torch.testing.assert_close(learning.change, 0.01 * (0 + 2 + 4 + 6) / 4 * wide, atol=1e-5, rtol=0)


def test_every_answer_changes_by_it_and_nothing_else_learns() -> None:
    learning = learner(deforms=True, steps=300, gain=3.0)
    before = deepcopy(learning.animal.state_dict())
    told = train(learning)
    assert told[-1]["loss"] < 0.2 * told[0]["loss"]
    with torch.no_grad():
        answers = [each(learning.vertices, learning.codes) for each in (learning.before, learning.animal.deformation)]
    moved = answers[1] - answers[0]
    assert answers[0].norm(dim=-1).mean() > learning.change.norm(dim=-1).mean()
    wanted = 3 * learning.change.expand_as(moved)
    assert (moved - wanted).norm(dim=-1).mean() < 0.25 * wanted.norm(dim=-1).mean()
    after = learning.animal.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"deformation"}


def test_a_stopped_fitting_goes_on_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    straight, shelf = learner(steps=6), Shelf()
    train(straight)
    stopped = learner(steps=6)
    monkeypatch.setattr(stopped, "step", interrupted(stopped.step, 4))
    with pytest.raises(Signal):
        train(stopped, shelf)
    continued = learner(steps=6)
    train(continued, shelf)
    ours, theirs = straight.animal.state_dict(), continued.animal.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
