import re

import diffusers
import pytest

from flows.plan.plan import Plan
from flows.plan.presets import at_scale
from models.generators import StableDiffusionConfig
from models.rendering import NvdiffrastConfig, ReferenceConfig


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu", "paper"])
def test_a_scale_sets_fields_of_the_plan(scale):
    assert set(at_scale(scale)) <= set(Plan.model_fields) - {"category", "scale", "root"}


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_small_scales_need_no_gpu_and_no_network(scale):
    parts = at_scale(scale)
    assert isinstance(parts["renderer"], ReferenceConfig)
    assert all(parts[name].model.startswith("weights/") for name in ("generator", "features"))
    assert parts["segmenter"].weights.startswith("weights/")


@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_large_scales_pin_their_weights_and_name_a_sampler_that_exists(scale):
    generator = at_scale(scale)["generator"]
    assert re.fullmatch("[0-9a-f]{40}", generator.revision)
    assert generator.sampler in {each.__name__ for each in diffusers.PNDMScheduler().compatibles}
    assert StableDiffusionConfig.model_validate(generator.model_dump()) == generator


@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_large_scales_use_the_real_parts(scale):
    parts = at_scale(scale)
    assert isinstance(parts["generator"], StableDiffusionConfig) and parts["generator"].size == 512
    assert isinstance(parts["renderer"], NvdiffrastConfig) and parts["segmenter"].kind == "detectron2"


def test_the_paper_scale_has_the_published_constants():
    parts = at_scale("paper")
    animal, training = parts["animal"], parts["training"]
    assert (animal.prior.grid, animal.prior.fine_grid, training.steps, training.batch) == (128, 256, 140_000, 10)
    assert parts["method"].distillation.times == (0.02, 0.6) and parts["crop"] == 256


def test_paper_scale_has_the_papers_weights_and_rates():
    paper = at_scale("paper")
    losses = paper["method"].reconstruction
    assert (losses.rgb.at(0.5), losses.eikonal_points) == (1, 5000)
    assert [paper["training"].decay.at(share) for share in (0.0, 1.0)] == [1, 1]
    assert (paper["animal"].pose.approach, paper["animal"].pose.elevation_deg) == (0.5, 0)
