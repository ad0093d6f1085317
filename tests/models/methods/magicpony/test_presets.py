"""The scales of the animal model: what each can be held to."""

import pytest
import torch

from models.core.category import Category
from models.core.schedule import Schedule
from models.methods import MagicPonyConfig
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.presets import PRESETS
from models.methods.magicpony.warm_start import FromNothing, WarmStart
from tests.models.methods.magicpony.test_model import PatchVit

SCALES = ("smoke", "laptop", "gpu", "paper")
COW = Category(name="cow", segment_as=("cow",))


class Wide(PatchVit):
    """With as many channels as a small transformer."""

    channels = 192


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_small_scales_need_no_network(scale: str) -> None:
    config = PRESETS[scale]
    assert config.vit.model.startswith("weights/")
    assert isinstance(config.warm_start, FromNothing) or config.warm_start.model.startswith("weights/")


def test_the_networks_only_grow() -> None:
    def parameters(scale: str) -> int:
        config = PRESETS[scale].animal
        return sum(each.numel() for each in config.build(COW, Wide()).parameters())

    sizes = [parameters(scale) for scale in SCALES]
    assert sizes == sorted(sizes)


def test_a_day_on_one_gpu_trains_the_papers_networks_and_knows_the_view_words() -> None:
    shorter, paper = PRESETS["gpu"], PRESETS["paper"]
    different = {name for name in type(paper).model_fields if getattr(shorter, name) != getattr(paper, name)}
    assert different == {"animal", "losses", "training"}
    assert shorter.animal.pose == paper.animal.pose.model_copy(update={"view_trust": 1.0})
    assert shorter.animal == paper.animal.model_copy(update={"pose": shorter.animal.pose})
    assert 7 * shorter.training.steps == paper.training.steps
    assert (shorter.training.size, shorter.training.batch) == (paper.training.size, paper.training.batch)


def test_the_published_scale_is_that_of_the_paper() -> None:
    paper = PRESETS["paper"]
    assert paper.vit.model == paper.feature_vit.model == "facebook/dino-vits8"
    assert (paper.vit.stride, paper.feature_vit.stride) == (None, 4), "the encoder sees 32 x 32 patches"
    assert (paper.animal.prior.grid, paper.animal.prior.fine_grid) == (128, 256)
    assert (paper.animal.encoder.image, paper.training.size, paper.training.batch) == (256, 256, 10)
    assert paper.losses.rgb.at(0.5) == 1 and paper.animal.pose.elevation_deg == 0
    training = paper.training
    assert (training.rate_shape, training.rate_pose, training.rate_rest, training.clip) == (1e-3, 1e-4, 1e-4, None)
    assert training.lr_schedule.at(1.0) == 1 and training.augmentation.share == 0
    assert training.steps == 140_000
    assert isinstance(paper.warm_start, FromNothing)


def test_the_published_scale_has_the_papers_losses_and_none_of_ours() -> None:
    losses = PRESETS["paper"].losses
    weights = {
        name: knob.at(1.0) for name in LossWeights.model_fields if isinstance(knob := getattr(losses, name), Schedule)
    }
    assert weights == {
        "mask": 10, "mask_distance": 100, "rgb": 1, "features": 10, "hypothesis_rgb_weight": 1,
        "hypothesis_feature_weight": 500, "hypothesis": 1, "eikonal": 0.01, "articulation": 0.1, "deformation": 10,
        "backlight": 0,
    }  # fmt: skip
    assert losses.backlight.at(0.0) == 0 and losses.eikonal_points == 5000 and losses.scores_taught == "taken"
    assert PRESETS["paper"].animal.pose.view_trust == 0


def test_the_published_scale_has_the_papers_schedules() -> None:
    """Iterations of 140,000: everything from where on it works, and how viewpoints are tried."""
    animal, pose = PRESETS["paper"].animal, PRESETS["paper"].animal.pose
    shares = (animal.articulated_from, animal.attached_from, animal.deformed_from, animal.prior.fine_from)
    assert [round(share * 140_000) for share in shares] == [10_000, 60_000, 90_000, 100_000]
    at = [iteration / 140 for iteration in (2, 3, 4, 6, 7, 7.6)]
    assert [pose.uniform_mix.at(share) for share in at[:3]] == pytest.approx([1, 0.5, 0])
    assert [pose.argmax_probability.at(share) for share in at[3:]] == pytest.approx([0, 0.5, 0.8])
    assert [pose.inverse_temperature.at(step / 140) for step in (0, 1, 50, 100, 140)] == pytest.approx(
        [1, 1, 50, 100, 100]
    )


def test_what_goes_on_from_the_quadruped_has_its_networks_and_all_of_its_parts() -> None:
    config = PRESETS["laptop"]
    assert isinstance(config.warm_start, WarmStart)
    built = config.animal.build(COW, config.vit.build(torch.device("cpu")))
    before = built.state_dict()["out_code.0.weight"].clone()
    config.warm_start.load(built)
    assert not torch.equal(built.state_dict()["out_code.0.weight"], before)
    animal, begin = config.animal, config.warm_start.begin
    assert max(animal.articulated_from, animal.attached_from, animal.deformed_from, animal.prior.fine_from) <= begin


def test_what_was_learnt_before_moves_slowly_its_viewpoints_slowest() -> None:
    slow, fast = PRESETS["laptop"].training, PRESETS["smoke"].training
    for rate in ("rate_shape", "rate_pose", "rate_rest"):
        assert getattr(slow, rate) <= getattr(fast, rate) / 30
    assert slow.rate_pose == min(slow.rate_shape, slow.rate_pose, slow.rate_rest)


@pytest.mark.parametrize("scale", SCALES)
def test_a_run_is_saved_reported_and_drawn_before_its_end(scale: str) -> None:
    training = PRESETS[scale].training
    for every in (training.save_every, training.report_every, training.panel_every):
        assert every <= training.steps / 2
        assert training.steps % every == 0, "the last report is a whole one"


@pytest.mark.parametrize("scale", SCALES)
def test_the_method_at_a_scale_is_the_preset_with_its_tag(scale: str) -> None:
    config = MagicPonyConfig.preset(scale)
    assert config.kind == "magicpony"
    assert all(getattr(config, name) == getattr(PRESETS[scale], name) for name in type(PRESETS[scale]).model_fields)
