"""What a plan lacks is said when it is made, and by the part that lacks it."""

import json
import logging
import os

import pytest

from flows import farm3d as story
from flows.dataset import dataset
from flows.plan.availability import check_data_parts, check_parts, describe_substitutes
from flows.plan.plan import PlanChanges, load_plan
from models.core import hub
from models.core.errors import MissingPackage, MissingWeights
from models.methods.base import Needs


def changed(scale="smoke", **changes):
    return load_plan("cow", scale, changes=PlanChanges.model_validate(changes))


@pytest.fixture
def no_hub(monkeypatch):
    """A hub that cannot be reached, and nothing fetched before."""
    monkeypatch.setattr(hub, "cached_file", lambda *_: None)
    monkeypatch.setattr(hub, "within", lambda seconds, ask: (None, ConnectionError("no route")))


def test_small_scales_lack_nothing_and_ask_nobody(no_hub):
    for scale in ("smoke", "laptop"):
        check_parts(load_plan("cow", scale))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"device": "cuda"}, ValueError, "device is cuda and torch sees no GPU; choose cpu or auto"),
        ({"device": "cpu", "processes": 4}, ValueError, "processes is 4 and this machine has 2 cores; give at most 2"),
        ({"renderer": {"kind": "nvdiffrast"}}, ValueError, "on device cpu; it needs cuda, use kind reference here"),
        ({"segmenter": {"kind": "detectron2"}}, MissingPackage, "needs detectron2, .*pip install --no-build-isolation"),
        ({"segmenter": {"weights": "gone"}}, MissingWeights, "gone has no config.json; mend the path"),
        ({"generator": {"sampler": "Heron"}}, ValueError, "sampler 'Heron' cannot take the place of DDIMScheduler"),
        ({"generator": {"model": "weights/vit"}}, MissingWeights, "weights/vit has no model_index.json; copy the"),
        ({"features": {"stride": 3}}, ValueError, "vit.stride is 3; give "),
        (
            {"method": {"vit": {"model": "far/away"}}},
            MissingWeights,
            r"far/away cannot be had: .*no route.*hf download",
        ),
        ({"own_photos": {"folder": "gone"}}, ValueError, "own_photos.folder is .*gone, and there is no such folder"),
    ],
)
def test_each_part_says_what_it_lacks(no_hub, monkeypatch, changes, error, said):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(error, match=said):
        check_parts(changed(**changes))


def test_a_root_that_cannot_be_written_to_is_told_before_any_work(tmp_path, no_hub, monkeypatch):
    (tmp_path / "taken").touch()
    plan = load_plan("cow", "smoke", str(tmp_path / "taken"))
    for check in (check_parts, check_data_parts):
        with pytest.raises(ValueError, match="taken is no folder; choose another place"):
            check(plan)
    monkeypatch.setattr(os, "access", lambda where, mode: False)  # as on a disk that is mounted to be read
    with pytest.raises(ValueError, match=f"{tmp_path} cannot be written to; choose another place"):
        check_parts(load_plan("cow", "smoke", str(tmp_path)))


def test_own_photos_need_no_generator_and_a_folder_with_a_picture(tmp_path, no_hub):
    with pytest.raises(ValueError, match=f"{tmp_path}: has no picture; give a folder with files that end in .jpg"):
        check_parts(changed(own_photos={"folder": str(tmp_path)}, generator={"model": "far/away"}))
    (tmp_path / "cow.jpg").write_bytes(b"whatever it holds")
    check_parts(changed(own_photos={"folder": str(tmp_path)}, generator={"model": "far/away"}))


def test_a_model_that_draws_but_cannot_teach_is_refused_as_a_teacher_alone(tmp_path, no_hub):
    index = {
        "_class_name": "StableDiffusion3Pipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "vae": [None, None],
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler/scheduler_config.json").write_text('{"prediction_type": "sample"}')
    other = {"model": str(tmp_path)}
    check_parts(changed(generator=other))
    with pytest.raises(ValueError, match="is a StableDiffusion3Pipeline that predicts sample; distillation needs"):
        check_parts(changed(method={"diffusion_prior": other}))


def test_the_classes_of_a_segmenter_are_looked_at_once_its_settings_are_here(tmp_path):
    settings = {"model_type": "mask2former", "id2label": {"0": "tree", "1": "cow"}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").touch()
    plan = changed(segmenter={"kind": "transformers", "model": str(tmp_path)})
    check_data_parts(plan)
    (tmp_path / "config.json").write_text(json.dumps(settings | {"id2label": {"0": "tree"}}))
    with pytest.raises(ValueError, match="segment_as is cow; the segmenter `transformers` of this plan knows tree"):
        check_data_parts(plan)


def test_a_data_set_needs_no_teacher_and_no_renderer(no_hub):
    check_data_parts(changed(renderer={"kind": "nvdiffrast"}, method={"vit": {"model": "far/away"}}))


def test_a_method_that_distils_something_else_is_named(monkeypatch):
    plan = changed()
    monkeypatch.setattr(type(plan.method), "needs", Needs(teachers=("vit",)))
    with pytest.raises(ValueError, match="method farm3d distils vit, which is no text-to-image model"):
        check_parts(plan)


def test_what_takes_the_place_of_the_papers_parts_is_said(caplog, no_hub):
    plan = changed("gpu", renderer={"kind": "reference"}, segmenter={"kind": "transformers"})
    with caplog.at_level(logging.WARNING), pytest.raises(MissingWeights):
        check_parts(plan)
    assert "cut out by the segmenter `transformers`, not by detectron2's PointRend; docs/gpu.md says" in caplog.text
    assert "our own rasteriser draws, not nvdiffrast, which needs a GPU, and this run takes the cpu" in caplog.text
    assert list(describe_substitutes(load_plan("cow", "smoke"), "cpu")) == []


def test_no_picture_is_drawn_before_a_late_part_is_known_to_be_there(monkeypatch, tmp_path, no_hub):
    monkeypatch.setattr(dataset, "fn", lambda *_: pytest.fail("a data set was begun"))
    changes = PlanChanges.model_validate({"method": {"diffusion_prior": {"model": "far/away"}}})
    with pytest.raises(MissingWeights, match="far/away cannot be had"):
        story.farm3d.fn("cow", "smoke", str(tmp_path), changes)
    assert not list(tmp_path.iterdir())
