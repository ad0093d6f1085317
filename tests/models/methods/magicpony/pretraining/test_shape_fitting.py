"""What refinement changes in most photos becomes part of every answer."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from models.data.batch import Batch
from models.data.crops import Crops
from models.engine.loop import Learner, LoopConfig, fit
from models.geometry.mesh import Mesh
from models.methods.magicpony.panels import LINE_PX
from models.methods.magicpony.pretraining.shape_fitting import ShapeFitting, ShapeLearner
from models.methods.magicpony.refine import Refined
from models.methods.magicpony.state import Prediction
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.engine.test_loop import Shelf, straight_and_continued
from tests.models.methods.magicpony.pretraining.test_silhouette_fitting import started

CONFIGURATION = ShapeFitting(steps=60, photos=4, batch=4, vertices=256, rate=1e-2)
CROPS = Crops([crop(seed, size=32, channels=16) for seed in range(9)], 32, CPU)


class Widening(Refined):
    """Its fitted answers are wider, each crop's by more than the one's before."""

    def fit_geometry(self, batch: Batch) -> tuple[Prediction, Prediction]:
        predicted = self._predict(batch, None)
        factor = 1 + 0.01 * (batch.index // 2)[:, None, None]
        wide = predicted.rest.vertices * torch.cat((factor, torch.ones_like(factor).expand(-1, 1, 2)), 2)
        return predicted, replace(predicted, rest=Mesh(wide, predicted.rest.faces))


def learner(deforms: bool = False, **changes: Any) -> ShapeLearner:
    animal = started()
    if deforms:
        torch.nn.init.normal_(animal.deformation.mlp.last.weight, std=10)
    config = CONFIGURATION.model_copy(update=changes)
    return ShapeLearner(Widening(animal, Reference(), None), CROPS, config, 1)


def train(learning: ShapeLearner, shelf: Shelf | None = None) -> list[dict[str, float]]:
    loop, told = LoopConfig(steps=learning.config.steps, save_every=3, report_every=1, panel_every=1000), []
    fit(learning, loop, shelf or Shelf(), lambda step, values, panel: told.append(values), ())
    return told


def test_it_is_what_the_loop_trains() -> None:
    assert isinstance(learner(), Learner)
    assert learner().panel(0.5).shape[0] == LINE_PX + 4 * 32


@pytest.mark.parametrize("photos", [2, 4, 5, 8, 9, 100])
def test_photos_are_spread_evenly_from_the_first_to_the_last_of_the_training_set(photos: int) -> None:
    rows = learner(photos=photos).rows
    assert len(rows) == min(photos, len(CROPS)) and rows[0] == 0 and rows[-1] == len(CROPS) - 1
    assert rows.diff().max() - rows.diff().min() <= 1 and rows.diff().min() >= 1


def test_the_change_is_the_mean_of_what_refinement_changes() -> None:
    learning = learner()
    wide = learning.vertices.new_tensor([1.0, 0.0, 0.0]) * learning.vertices
    torch.testing.assert_close(learning.change, 0.01 * learning.rows.float().mean() * wide, atol=1e-5, rtol=0)


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


def test_a_stopped_fitting_goes_on_to_the_same_bits() -> None:
    straight, continued = straight_and_continued(lambda: learner(steps=6), train)
    ours, theirs = straight.animal.state_dict(), continued.animal.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
