import torch

from models.data.crops import Crops
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.terms import Step
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit


def step(progress: float) -> Step:
    torch.manual_seed(0)
    animal, generator = CONFIG.build(CATEGORY, PatchVit()).train(), torch.Generator().manual_seed(0)
    batch = Crops([crop(seed, size=32, channels=16) for seed in range(4)], 32, CPU).batch(torch.arange(4))
    prediction = animal(batch, progress, generator)
    rendering = animal.render(prediction, Reference(), 32)
    return Step(0, progress, animal, batch, prediction, rendering, Reference(), generator)


def test_the_weights_are_the_papers_but_for_colour_and_lamps() -> None:
    config = MagicPonyConfig()
    weights = {row.name: row.weight.at(1.0) for row in config.terms()}
    assert weights.pop("behind") == 3
    assert weights == {
        "mask": 10, "uncovered": 100, "rgb": 3, "features": 10, "eikonal": 0.01, "articulation": 0.1, "deformation": 10
    }  # fmt: skip
    assert {row.name: row.judge.at(1.0) for row in config.terms() if row.judge.at(1.0)} == {
        "mask": 10, "uncovered": 100, "rgb": 1, "features": 500
    }  # fmt: skip


def test_every_part_that_exists_is_judged_and_learns() -> None:
    late = step(0.9)
    loss, values = MagicPonyConfig(eikonal_points=50).build(CATEGORY).loss(late)
    loss.backward()
    assert set(values) == {
        "mask", "uncovered", "rgb", "features", "eikonal", "articulation", "deformation", "behind", "hypothesis"
    }  # fmt: skip
    for name, parameters in late.animal.parameter_groups().items():
        assert any(each.grad is not None and each.grad.abs().sum() > 0 for each in parameters), name


def test_parts_that_have_not_begun_are_not_judged() -> None:
    _, values = MagicPonyConfig(eikonal_points=50).build(CATEGORY).loss(step(0.0))
    assert not {"articulation", "deformation"} & set(values)


def test_every_viewpoint_is_compared_with_the_one_that_was_taken() -> None:
    now = step(0.0)
    found = MagicPonyConfig().excess(now)
    assert found.shape == (4, 4)
    assert (found.gather(1, now.prediction.hypothesis[:, None]) == 0).all()
    assert found.abs().max() > 0


def test_it_needs_no_teacher() -> None:
    assert not MagicPonyConfig().needs_teacher
