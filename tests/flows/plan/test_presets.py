import re

import diffusers
import pytest

from flows.plan.plan import Plan, load_plan
from flows.plan.presets import preset
from models.generators import StableDiffusionConfig
from models.rendering import NvdiffrastConfig, ReferenceConfig
from models.segmenters import Detectron2Config, TransformersConfig


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu", "paper"])
def test_a_scale_sets_fields_of_the_plan_and_nothing_of_the_method(scale):
    assert set(preset(scale)) <= set(Plan.model_fields) - {"category", "scale", "root", "method"}


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_small_scales_need_no_gpu_and_no_network(scale):
    parts = preset(scale)
    assert isinstance(parts["renderer"], ReferenceConfig)
    assert all(parts[name].model.startswith("weights/") for name in ("generator", "features"))
    assert parts["segmenter"].weights.startswith("weights/")


@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_large_scales_pin_their_weights_and_name_a_sampler_that_exists(scale):
    generator = preset(scale)["generator"]
    assert re.fullmatch("[0-9a-f]{40}", generator.revision)
    assert generator.sampler in {each.__name__ for each in diffusers.PNDMScheduler().compatibles}
    assert StableDiffusionConfig.model_validate(generator.model_dump()) == generator


@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_large_scales_take_the_papers_parts_where_they_are_installed_and_pips_where_not(scale, monkeypatch):
    parts = preset(scale, "cuda")
    assert isinstance(parts["generator"], StableDiffusionConfig) and parts["generator"].size == 512
    assert isinstance(parts["renderer"], ReferenceConfig) and isinstance(parts["segmenter"], TransformersConfig)
    for room in ("rendering", "segmenters"):
        monkeypatch.setattr(f"models.{room}.find_spec", lambda name: name)
    parts = preset(scale, "cuda")
    assert isinstance(parts["renderer"], NvdiffrastConfig) and isinstance(parts["segmenter"], Detectron2Config)
    assert isinstance(preset(scale, "cpu")["renderer"], ReferenceConfig)


@pytest.mark.parametrize("lacking", ["detectron2", "torchvision", "cv2"])
def test_detectron2_counts_as_installed_with_all_it_needs(monkeypatch, lacking):
    monkeypatch.setattr("models.segmenters.find_spec", lambda name: None if name == lacking else name)
    assert isinstance(preset("gpu")["segmenter"], TransformersConfig)


def test_the_paper_scale_has_the_published_constants():
    plan = load_plan("cow", "paper")
    animal, training = plan.method.animal, plan.method.training
    assert (animal.prior.grid, animal.prior.fine_grid, training.steps, training.batch) == (128, 256, 140_000, 10)
    assert plan.method.distillation.times == (0.02, 0.6) and plan.crop == 256


def test_paper_scale_has_the_papers_weights_and_rates():
    method = load_plan("cow", "paper").method
    assert (method.losses.rgb.at(0.5), method.losses.eikonal_points) == (1, 5000)
    assert [method.training.lr_schedule.at(share) for share in (0.0, 1.0)] == [1, 1]
    assert (method.animal.pose.depth_range, method.animal.pose.elevation_deg) == (0.5, 0)


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu", "paper"])
def test_photos_distilled_from_and_photos_made_are_of_one_size(scale):
    plan = load_plan("cow", scale)
    assert plan.method.diffusion_prior.size == plan.generator.size
