"""What one step of the animal model's training does, through the loop that knows nothing of it."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.core.errors import TrainingDiverged
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops
from models.data.parts import Part
from models.engine import loop
from models.engine.loop import Learner, Summary, fit
from models.methods.magicpony import train as training
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.model import Animal
from models.methods.magicpony.panels import LINE_PX
from models.methods.magicpony.terms import Objective, Step, Term
from models.methods.magicpony.train import AnimalLearner, TrainingConfig
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.engine.test_loop import Shelf, Signal
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

STEPS = TrainingConfig(steps=8, batch=2, size=16, report_every=2, panel_every=4, save_every=3)
CROPS = Crops([crop(seed, size=16, channels=16) for seed in range(5)], 16, CPU)
OBJECTIVE = LossWeights(eikonal_points=20).objective()


def untrained() -> Animal:
    torch.manual_seed(0)
    return CONFIG.build(CATEGORY, PatchVit())


def learner(animal: Animal, helper: ThreadPoolExecutor, **parts: Any) -> AnimalLearner:
    known = {"objective": OBJECTIVE, "config": STEPS, "crops": CROPS, "renderer": Reference(), **parts}
    return AnimalLearner(animal, helper=helper, **known)


def train(
    animal: Animal,
    shelf: Shelf | None = None,
    report: Any = loop.no_report,
    begin: float = 0.0,
    **parts: Any,
) -> Summary:
    config = parts.get("config", STEPS)
    with ThreadPoolExecutor(1) as helper:
        return fit(learner(animal, helper, **parts), config, shelf or Shelf(), report, ("mask", "rgb"), begin)


def weights(animal: Animal) -> Tensor:
    return torch.cat([each.detach().flatten() for each in animal.parameters()])


def watching(function: Callable[[Step], Tensor | None]) -> Objective:
    """The objective, and a row that looks at every step."""
    return Objective(
        (Term("watch", function, Schedule(1.0)), *OBJECTIVE.terms), OBJECTIVE.hypothesis, OBJECTIVE.relative_error
    )


def stopping(at: int, error: BaseException) -> Objective:
    """The objective, but `error` falls from the sky in the step after `at`."""

    def strike(step: Step) -> None:
        if step.number == at:
            raise error

    return watching(strike)


def bottomless(step: Step) -> Tensor:
    return (step.prediction.score * 0).abs().sqrt().sum()


NO_GRADIENT = Objective((Term("bottomless", bottomless, Schedule(1.0)),), Schedule(1.0), OBJECTIVE.relative_error)


def test_it_is_what_the_loop_trains() -> None:
    with ThreadPoolExecutor(1) as helper:
        assert isinstance(learner(untrained(), helper), Learner)


def test_a_stopped_run_continues_to_the_same_bits() -> None:
    straight, shelf = untrained(), Shelf()
    train(straight)
    with pytest.raises(Signal):
        train(untrained(), shelf, objective=stopping(5, Signal()))
    continued = untrained()
    summary = train(continued, shelf)
    assert summary.steps == 8
    assert torch.equal(weights(straight), weights(continued))
    assert torch.equal(straight.tree_age, continued.tree_age)


def test_a_signal_saves_the_last_whole_step_and_passes_through() -> None:
    shelf = Shelf()
    with pytest.raises(Signal):
        train(untrained(), shelf, objective=stopping(5, Signal()))
    assert max(shelf.kept) == 5


def test_a_term_that_is_not_finite_is_named_with_its_step() -> None:
    def broken(step: Step) -> Tensor:
        return step.prediction.score * (float("nan") if step.number == 4 else 1)

    rows = (*OBJECTIVE.terms, Term("broken", broken, Schedule(1.0)))
    objective = Objective(rows, OBJECTIVE.hypothesis, OBJECTIVE.relative_error)
    with pytest.raises(TrainingDiverged, match="term broken is nan at step 4; the last whole checkpoint is of step 3"):
        train(untrained(), objective=objective)


def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    animal, before = untrained(), weights(untrained())
    assert train(animal, objective=NO_GRADIENT).skipped == 8
    assert torch.equal(weights(animal), before)


def test_reports_panels_and_the_progress_line(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[int, dict[str, float], np.ndarray | None]] = []
    with caplog.at_level(logging.INFO, logger="models"):
        train(untrained(), report=lambda *each: told.append(each))
    assert [step for step, _, _ in told] == [2, 4, 6, 8]
    assert [panel is not None for _, _, panel in told] == [False, True, False, True]
    assert {"loss", "mask", "rgb", "gradient_norm", "skipped", "steps_per_second"} <= set(told[0][1])
    assert "step 2/8 | loss " in caplog.text and "| mask " in caplog.text


def test_learning_rates_follow_their_groups_and_the_schedule() -> None:
    shelf = Shelf()
    train(untrained(), shelf, config=STEPS.model_copy(update={"lr_schedule": Schedule({0.0: 1.0, 1.0: 0.0})}))
    groups = shelf.kept[8]["optimisers"]["animal"]["optimizer"]["param_groups"]
    shape, pose, rest = (group["lr"] for group in groups)
    assert (shape, pose, rest) == pytest.approx((1e-3 / 8, 1e-4 / 8, 7e-4 / 8))


def test_a_group_with_a_large_gradient_does_not_slow_the_others_down() -> None:
    def steep(step: Step) -> Tensor:
        return 1e4 * sum(each.square().sum() for each in step.animal.pose.parameters())

    one = STEPS.model_copy(update={"steps": 1})
    plain, pulled = untrained(), untrained()
    train(plain, config=one)
    train(pulled, config=one, objective=watching(steep))
    for name in ("shape", "rest"):
        for ours, theirs in zip(plain.parameter_groups()[name], pulled.parameter_groups()[name], strict=True):
            assert torch.equal(ours, theirs), name
    assert any(
        not torch.equal(*pair)
        for pair in zip(plain.parameter_groups()["pose"], pulled.parameter_groups()["pose"], strict=True)
    )


@pytest.mark.slow
def test_one_batch_is_learnt() -> None:
    losses: list[float] = []
    config = STEPS.model_copy(update={"steps": 120, "report_every": 20, "panel_every": 1000})
    few = Crops([crop(seed, size=8, channels=16) for seed in range(2)], 16, CPU)
    train(untrained(), report=lambda _, values, __: losses.append(values["mask"]), config=config, crops=few)
    assert losses[-1] < 0.5 * losses[0]


def test_an_animal_learnt_before_has_a_share_of_all_schedules_behind_it() -> None:
    seen: list[float] = []
    train(untrained(), begin=0.6, objective=watching(lambda step: seen.append(step.progress)))
    assert seen == pytest.approx([0.6 + 0.4 * step / 8 for step in range(8)])


def test_every_crop_is_shown_and_some_are_mirrored() -> None:
    seen: list[int] = []
    objective = watching(lambda step: seen.extend(step.batch.index.tolist()))
    train(untrained(), objective=objective, config=STEPS.model_copy(update={"steps": 3, "panel_every": 100}))
    assert {index // 2 for index in seen} == set(range(5)) and 0 < sum(index % 2 for index in seen) < len(seen)


def test_the_transformer_is_asked_for_the_next_step_while_this_one_is_learnt() -> None:
    class Counting(PatchVit):
        asked = 0

        def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
            self.asked += len(images)
            return super().tokens(images)

    vit = Counting()
    with ThreadPoolExecutor(1) as helper:
        config = STEPS.model_copy(update={"steps": 2})
        steps = learner(CONFIG.build(CATEGORY, vit), helper, config=config)
        steps.step(0, 0.0)
        helper.submit(lambda: None).result()
        known = vit.asked
        steps.step(1, 0.0)
        helper.submit(lambda: None).result()
    assert known == vit.asked == 4


def test_a_panel_shows_the_first_crops_and_the_newest_virtual_views() -> None:
    def picture(step: Step) -> None:
        if step.number == 1:
            step.pictures.append(("a cow, back view", torch.ones(16, 16, 3) * torch.tensor((1.0, 0.0, 0.0))))

    with ThreadPoolExecutor(1) as helper:
        steps = learner(untrained(), helper, objective=watching(picture))
        steps.step(0, 0.0)
        before = steps.panel(0.0)
        for number in (1, 2):
            steps.step(number, 0.0)
        after = steps.panel(0.0)
    assert after.shape[0] > before.shape[0] == LINE_PX + training.ROWS * 16
    assert (after[before.shape[0], 0] == (255, 0, 0)).all(), "of step 1, for step 2 had none"
    photos = CROPS.batch(torch.arange(training.ROWS)).image.flatten(0, 1)
    np.testing.assert_allclose(after[LINE_PX : before.shape[0], :16] / 255, photos, atol=0.01)


def test_notes_of_a_term_are_reported() -> None:
    reported: list[dict[str, float]] = []

    def note(step: Step) -> None:
        step.notes["level"] = float(step.number)

    train(untrained(), report=lambda _, values, __: reported.append(values), objective=watching(note))
    assert [values["level"] for values in reported] == [0.5, 2.5, 4.5, 6.5]


def test_the_batches_of_a_step_depend_on_the_seed_and_its_number_alone() -> None:
    def batches(seed: int, first: int) -> list[Batch]:
        seen: list[Batch] = []
        config = STEPS.model_copy(update={"seed": seed})
        with ThreadPoolExecutor(1) as helper:
            steps = learner(
                untrained(), helper, objective=watching(lambda step: seen.append(step.batch)), config=config
            )
            for number in range(first, 4):
                steps.step(number, 0.0)
        return seen

    whole, late, other = batches(0, 0), batches(0, 2), batches(1, 0)
    assert [batch.index.tolist() for batch in late] == [batch.index.tolist() for batch in whole[2:]]
    assert [batch.index.tolist() for batch in other] != [batch.index.tolist() for batch in whole]


def test_without_a_clip_gradients_count_as_they_come() -> None:
    with ThreadPoolExecutor(1) as helper:
        assert learner(untrained(), helper, config=STEPS.model_copy(update={"clip": None})).optimiser.clip is None
        assert learner(untrained(), helper).optimiser.clip == 1.0


def test_parts_of_a_batch_one_after_the_other_teach_what_the_batch_does() -> None:
    reported: dict[int, list[dict[str, float]]] = {}
    animals = {}
    for parts in (1, 2):
        told = reported.setdefault(parts, [])
        config = STEPS.model_copy(
            update={"batch": 4, "steps": 4, "bf16": "nothing", "report_every": 1, "accumulate": parts}
        )
        animals[parts] = untrained()
        train(animals[parts], report=lambda _, values, __, told=told: told.append(values), config=config, begin=0.6)
    for whole, parted in zip(reported[1], reported[2], strict=True):
        assert parted.keys() == whole.keys()
        for name in whole.keys() - {"steps_per_second"}:
            assert parted[name] == pytest.approx(whole[name], rel=1e-4, abs=1e-5), name
    torch.testing.assert_close(weights(animals[1]), weights(animals[2]), atol=1e-3, rtol=0)


def test_a_process_computes_its_own_parts_of_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "process_rank", lambda: 1)
    monkeypatch.setattr(training, "process_count", lambda: 3)
    with ThreadPoolExecutor(1) as helper:
        config = STEPS.model_copy(update={"batch": 6, "accumulate": 2})
        assert learner(untrained(), helper, config=config).parts == [Part(2, 6), Part(3, 6)]


def test_a_batch_that_cannot_be_accumulated_evenly_is_refused() -> None:
    with pytest.raises(ValueError, match="accumulate is 3 and batch is 4, which has no 3 equal parts; give a batch"):
        TrainingConfig(batch=4, accumulate=3)


def test_what_computes_in_bfloat16_is_chosen_for_the_training_alone() -> None:
    def heads(animal: Animal) -> set[bool]:
        return {animal.tokens.bf16, animal.out_code.bf16, animal.key_code.bf16, animal.pose.head.bf16}

    with ThreadPoolExecutor(1) as helper:
        for bf16, networks in (("networks", True), ("fields", False), ("nothing", False)):
            animal = untrained()
            learner(animal, helper, config=STEPS.model_copy(update={"bf16": bf16}))
            assert animal.bf16 == bf16 and heads(animal) == {networks}
    assert untrained().bf16 == "fields" and heads(untrained()) == {False}
