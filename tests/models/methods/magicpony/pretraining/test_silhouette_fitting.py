from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from models.core.category import VIEWS
from models.data.crops import Crops, random
from models.data.parts import WHOLE, Part
from models.engine.loop import Learner, LoopConfig, fit
from models.geometry.skeleton import attach
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.pose import plausible
from models.methods.magicpony.panels import LINE_PX
from models.methods.magicpony.pretraining import silhouette_fitting
from models.methods.magicpony.pretraining.silhouette_fitting import (
    SilhouetteFitting,
    SilhouetteLearner,
    level_scores,
    quadrant_loss,
    strain,
)
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.engine.test_loop import Shelf, straight_and_continued
from tests.models.methods.magicpony.losses.test_found_keypoints import finder
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

CONFIGURATION = SilhouetteFitting(steps=30, batch=4, rate=5e-3, rate_pose=5e-3, ema_decay=0.5)
CROPS = Crops([crop(seed, size=32, channels=16) for seed in range(4)], 32, CPU)


def started() -> Animal:
    """An ellipsoid whose legs hang where they should, as a warm start's do."""
    torch.manual_seed(0)
    animal = CONFIG.build(CATEGORY, PatchVit())
    animal.attachment.copy_(attach(animal.prior.mesh(1.0, None).vertices, animal.skeleton))
    return animal


def learner(**changes: Any) -> SilhouetteLearner:
    config = CONFIGURATION.model_copy(update=changes)
    return SilhouetteLearner(started(), CROPS, Reference(), config, 1, None)


def train(learning: SilhouetteLearner, shelf: Shelf | None = None) -> list[dict[str, float]]:
    loop, told = LoopConfig(steps=learning.config.steps, save_every=3, report_every=5, panel_every=1000), []
    fit(learning, loop, shelf or Shelf(), lambda step, values, panel: told.append(values), None)
    return told


def test_it_is_what_the_loop_trains() -> None:
    assert isinstance(learner(), Learner)
    assert learner().panel(0.5).shape[0] == LINE_PX + 4 * 32


def test_silhouettes_come_nearer_to_the_masks() -> None:
    told = train(learner())
    assert told[-1]["mask"] < 0.8 * told[0]["mask"]


@pytest.mark.parametrize("deforms", [True, False])
def test_shape_colours_and_light_that_all_animals_share_stay_bit_for_bit(deforms: bool) -> None:
    learning = learner(steps=3, deforms=deforms)
    before = deepcopy(learning.animal.state_dict())
    train(learning)
    after = learning.mean.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"pose", "key_code", "articulation"} | ({"deformation"} if deforms else set())


def test_a_stopped_fitting_goes_on_to_the_same_bits() -> None:
    straight, continued = straight_and_continued(lambda: learner(steps=6), train)
    for one, other in ((straight.animal, continued.animal), (straight.mean, continued.mean)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_running_mean_lags_behind_the_weights() -> None:
    learning = learner(steps=1, ema_decay=0.75)
    start = deepcopy(learning.animal.pose.state_dict())
    train(learning)
    last, mean = learning.animal.pose.state_dict(), learning.mean.pose.state_dict()
    assert any(not torch.equal(start[name], last[name]) for name in start)
    for name in start:
        torch.testing.assert_close(mean[name], 0.75 * start[name] + 0.25 * last[name])


def test_parts_of_a_batch_in_several_processes_have_the_losses_of_the_whole() -> None:
    def losses(part: Part) -> dict[str, float]:
        learning = learner()
        learning.part = part
        return {name: float(value) for name, value in learning.step(2, 0.0).items() if name != "gradient_norm"}

    whole, parts = losses(WHOLE), [losses(Part(number, 2)) for number in range(2)]
    assert whole["quadrant"] > 0 and whole["mask"] > 0
    for name, value in whole.items():
        assert (parts[0][name] + parts[1][name]) / 2 == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_keypoints_come_nearer_to_where_they_were_found() -> None:
    told = {}
    for weight in (0.0, 30.0):
        learning = learner(keypoints=weight)
        learning.keypoints = finder().find_all(CROPS)
        told[weight] = [values["keypoints"] for values in train(learning)]
    assert told[30.0][0] > 0
    assert told[30.0][-1] < min(told[30.0][0], told[0.0][-1]) - 0.02


def test_viewpoints_that_the_word_rules_out_become_unlikely() -> None:
    views = torch.tensor([VIEWS.index("front"), VIEWS.index("back")])
    allowed = plausible(views)
    told: dict[float, Tensor] = {}
    for weight in (0.0, 3.0):
        learning = learner(quadrant=weight, mask=0.0, mask_distance=0.0)
        learning.crops = Crops(
            [replace(crop(seed, size=32, channels=16), view=int(views[seed])) for seed in (0, 1)], 32, CPU
        )
        train(learning)
        batch = learning.crops.batch(torch.arange(2))
        learning.mean.train()
        with torch.no_grad():
            taken = learning.mean.pose(
                learning.mean.tokens(batch, True)[1], torch.ones(2, 4, dtype=torch.bool), 1.0, random(0, "x")
            )
        assert taken.alternatives is not None
        told[weight] = (-taken.alternatives.score).softmax(-1)[allowed].view(2, 2).sum(-1)
    assert (told[3.0] > 0.8).all() and not (told[0.0] > 0.8).all()


def test_the_loss_of_a_quadrant_is_the_log_odds_of_what_is_allowed() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    odds = torch.exp(-scores[0]) / torch.exp(-scores[0]).sum()
    allowed = torch.tensor([[True, False, True, False]])
    assert quadrant_loss(scores, allowed).item() == pytest.approx(-(odds[0] + odds[2]).log().item())
    assert quadrant_loss(scores, torch.ones(1, 4, dtype=torch.bool)).item() == pytest.approx(0, abs=1e-6)


def test_heads_that_photos_agree_on_say_nothing_of_front_or_back() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, 3.0]], requires_grad=True)
    allowed = torch.tensor([[True, False, False, True]])
    quadrant_loss(level_scores(scores, allowed), allowed).backward()
    assert scores.grad is not None
    allowed_one, other, another, allowed_two = scores.grad[0].tolist()
    assert allowed_one == allowed_two > 0 > other == another
    everything = torch.ones(1, 4, dtype=torch.bool)
    assert torch.equal(level_scores(scores, everything), scores.mean().expand(1, 4))


@pytest.mark.parametrize(("views", "levelled"), [((0, 1, -1, -1), 0), ((-1, -1, -1, -1), 1)])
def test_front_and_back_are_taught_where_prompts_have_said_them(
    views: tuple[int, ...], levelled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning, asked = learner(steps=1), []
    learning.crops = Crops([replace(crop(abs(view), size=32, channels=16), view=view) for view in views], 32, CPU)
    monkeypatch.setattr(silhouette_fitting, "level_scores", lambda scores, allowed: asked.append(len(scores)) or scores)
    learning.step(0, 0.0)
    assert len(asked) == levelled


def test_strain_is_nothing_for_a_shift_of_all_and_counts_what_stretches_short_edges_more() -> None:
    vertices = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    faces = torch.tensor([[0, 1, 2]])
    together = torch.full((1, 3, 3), 0.3)
    assert strain(together, vertices, faces) == 0
    stretched = torch.zeros(1, 3, 3)
    stretched[0, 2, 1] = 0.1
    # Edges 0-1, 0-2 and 1-2 of squared lengths 1, 0.25 and 1.25; the last two change by 0.1.
    assert strain(stretched, vertices, faces).item() == pytest.approx((0.01 / 0.25 + 0.01 / 1.25) / 3)
