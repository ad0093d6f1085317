"""Farm3D is MagicPony and score distillation, at every scale."""

import pytest
import torch

from models.core.category import Category
from models.generators import StableDiffusionConfig
from models.methods import Farm3DConfig, MagicPonyConfig
from models.methods.farm3d.presets import PRESETS, with_distillation
from models.methods.magicpony.config import AnimalTraining
from models.methods.magicpony.presets import PRESETS as ANIMAL
from storage.store.references import identity
from tests.models.methods.magicpony.test_model import PatchVit

SCALES = ("smoke", "laptop", "gpu", "paper")


@pytest.mark.parametrize("scale", SCALES)
def test_at_one_scale_it_trains_the_networks_of_magicpony_as_magicpony_does(scale: str) -> None:
    ours, theirs = Farm3DConfig.preset(scale), MagicPonyConfig.preset(scale)
    different = {
        name for name in {*Farm3DConfig.model_fields, *MagicPonyConfig.model_fields}
        if getattr(ours, name, None) != getattr(theirs, name, None)
    }  # fmt: skip
    assert different == {"kind", "sds", "distillation", "diffusion_prior"}


def test_the_same_seed_starts_both_with_the_same_weights() -> None:
    states = []
    for config in (Farm3DConfig.preset("smoke"), MagicPonyConfig.preset("smoke")):
        torch.manual_seed(config.training.seed)
        states.append(config.animal.build(Category(name="cow", segment_as=("cow",)), PatchVit()).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("scale", SCALES)
def test_distillation_takes_part_in_the_run_from_where_it_begins(scale: str) -> None:
    config = PRESETS[scale]
    progress = [config.warm_start.begin + (1 - config.warm_start.begin) * share / 10 for share in range(11)]
    weights = [config.sds.at(share) for share in progress]
    assert weights[-1] > 0 and weights == sorted(weights)
    assert config.distillation.every <= config.training.steps // 2


@pytest.mark.parametrize("scale", SCALES)
def test_the_diffusion_prior_takes_virtual_views_in_whole_latents(scale: str) -> None:
    config = PRESETS[scale]
    assert config.distillation.size % 8 == 0, "an autoencoder has one latent to 8 pixels"
    assert config.distillation.size <= config.diffusion_prior.size
    assert sum(config.distillation.mix) == pytest.approx(1)


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_small_scales_need_no_network(scale: str) -> None:
    assert PRESETS[scale].diffusion_prior.model.startswith("weights/")


def test_the_published_scale_distils_as_the_authors_code_does() -> None:
    config = PRESETS["paper"]
    ours = config.distillation
    assert (ours.every, ours.size, ours.times, ours.mix) == (1, 256, (0.02, 0.6), (0.2, 0.4, 0.4))
    assert (ours.guidance.at(0.5), ours.guidance.at(1.0), ours.latents) == (100, 100, "sample")
    assert (ours.elevation_deg[0], ours.fill, ours.background) == (-10, None, "colour")
    assert (ours.front_deg, ours.overhead_deg) == (30, 60)
    assert ours.prompt.format(name="cow", view="side") == "a high-resolution DSLR image of cow, side view"
    assert config.sds.at(1.0) == pytest.approx(1e-4 * 4 * 64 * 64)
    assert config.diffusion_prior.size // 8 == 64, "the latents that the weight is for"


def test_a_day_on_one_gpu_distils_half_as_often_and_else_alike() -> None:
    day, paper = PRESETS["gpu"], PRESETS["paper"]
    assert day.distillation == paper.distillation.model_copy(update={"every": 2}) and day.sds == paper.sds


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_what_the_published_scale_sets_does_not_rename_the_runs_of_the_small_ones(scale: str) -> None:
    said = str(identity(PRESETS[scale]))
    new = ("feature_vit", "scores_taught", "'clip'", "'prompt'", "front_deg", "overhead_deg", "'latents'")
    assert not [knob for knob in new if knob in said]
    assert all(knob in str(identity(PRESETS["paper"])) for knob in new)


def test_a_training_with_distillation_loses_nothing_of_the_one_it_is_made_from() -> None:
    animal = ANIMAL["laptop"].model_copy(update={"training": ANIMAL["laptop"].training.model_copy(update={"seed": 7})})
    prior = StableDiffusionConfig(model="somewhere/else", revision="main")
    config = with_distillation(animal, prior)
    assert all(getattr(config, name) == getattr(animal, name) for name in AnimalTraining.model_fields)
    assert config.diffusion_prior == prior
