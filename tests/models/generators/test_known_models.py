"""The text-to-image models of the scales can be had, and are what they say."""

import re
from pathlib import Path

import diffusers
import pytest

from models.core.weights import locate
from models.generators import StableDiffusionConfig
from models.generators.known_models import EMBEDDED, STABLE_DIFFUSION_2_1, STABLE_DIFFUSION_2_1_QUICK
from models.generators.samplers import UNSEEDED

EVERY = (EMBEDDED, STABLE_DIFFUSION_2_1, STABLE_DIFFUSION_2_1_QUICK)


def different(one: StableDiffusionConfig, other: StableDiffusionConfig) -> set[str]:
    return {name for name in StableDiffusionConfig.model_fields if getattr(one, name) != getattr(other, name)}


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.sampler)
def test_every_sampler_exists_and_draws_its_noise_from_the_pictures_seeds(config: StableDiffusionConfig) -> None:
    assert issubclass(getattr(diffusers, config.sampler), diffusers.SchedulerMixin)
    assert config.sampler not in UNSEEDED


def test_the_embedded_model_lies_in_the_project() -> None:
    assert (Path(locate(EMBEDDED.model)) / "model_index.json").exists()
    assert EMBEDDED.revision is None


def test_a_hub_model_is_pinned_to_a_commit() -> None:
    for config in (STABLE_DIFFUSION_2_1, STABLE_DIFFUSION_2_1_QUICK):
        assert re.fullmatch("[0-9a-f]{40}", config.revision)
        assert config.digest() == STABLE_DIFFUSION_2_1.digest(), "the same weights"


def test_the_published_model_is_sampled_as_the_papers_do() -> None:
    published = STABLE_DIFFUSION_2_1
    assert (published.sampler, published.steps, published.guidance, published.size) == ("DDIMScheduler", 50, 7.5, 512)
    assert not published.negative_prompt


def test_the_quick_one_differs_in_how_it_is_sampled_alone() -> None:
    quick = STABLE_DIFFUSION_2_1_QUICK
    assert different(STABLE_DIFFUSION_2_1, quick) == {"sampler", "steps", "negative_prompt"}
    assert quick.steps * 2 == STABLE_DIFFUSION_2_1.steps
    assert quick.guidance > 1, "or nothing would be guided away"


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.sampler)
def test_the_server_gives_it_back_as_it_was(config: StableDiffusionConfig) -> None:
    assert StableDiffusionConfig.model_validate_json(config.model_dump_json()) == config
    # Not checked by `model_copy`.
    assert StableDiffusionConfig.model_validate(config.model_dump()) == config
