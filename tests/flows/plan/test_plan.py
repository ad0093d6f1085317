import pytest

from flows.plan import plan as plans
from flows.plan.plan import PlanChanges, load_plan
from models.core.schedule import Schedule
from models.generators import StableDiffusionConfig
from models.methods import Farm3DConfig
from models.methods.magicpony.warm_start import FromNothing, WarmStart


@pytest.mark.parametrize("scale", ["smoke", "laptop", "gpu", "paper"])
def test_every_scale_makes_a_plan(scale):
    plan = load_plan("cow", scale)
    assert plan.scale == scale and plan.training.batch % 4 in (0, 2)


def test_the_dial_only_grows():
    plans_by_size = [load_plan("cow", scale) for scale in ("smoke", "laptop", "gpu", "paper")]
    for value in (lambda p: p.images, lambda p: p.training.steps, lambda p: p.animal.prior.fine_grid, lambda p: p.crop):
        values = [value(plan) for plan in plans_by_size]
        assert values == sorted(values)


def test_a_run_changes_one_knob_and_keeps_its_scale():
    plan = load_plan("cow", "smoke", changes=PlanChanges(method={"kind": "farm3d", "sds": 0.25}))
    assert isinstance(plan.method, Farm3DConfig) and plan.method.sds == Schedule(0.25)
    assert plan.method.distillation == load_plan("cow", "smoke").method.distillation


def test_another_model_takes_the_place_of_the_scales_own():
    turbo = {"model": "stabilityai/sdxl-turbo", "revision": "main", "steps": 2, "guidance": 0.0}
    changes = PlanChanges(generator={"kind": "stable_diffusion", "sampler": "", "negative_prompt": "", **turbo})
    generator = load_plan("cow", "gpu", changes=changes).generator
    assert generator == StableDiffusionConfig(**turbo, size=512, dtype="bfloat16")


def test_a_run_may_start_from_nothing():
    plan = load_plan("cow", "laptop", changes=PlanChanges.model_validate({"warm_start": {"kind": "nothing"}}))
    assert plan.warm_start == FromNothing() and plan.model_recipe.weights[-1] == ""
    assert load_plan("cow", "laptop").warm_start == WarmStart()


def test_a_change_out_of_range_is_refused_with_its_place():
    with pytest.raises(ValueError, match="training.steps is 0"):
        load_plan("cow", changes=PlanChanges(training={"steps": 0}))


def test_without_sds_differs_in_nothing_but_the_teachers_term():
    plan = load_plan("cow", "smoke")
    assert plan.without_sds.method == plan.method.reconstruction
    assert plan.without_sds.training == plan.training


def test_every_plan_survives_the_server():
    plan = load_plan("sheep", "paper")
    assert plans.Plan.model_validate_json(plan.model_dump_json()) == plan


class TestWhatNamesTheProducts:
    @pytest.fixture(autouse=True)
    def _known_weights(self, monkeypatch):
        monkeypatch.setattr(plans, "weights", lambda part: "0" * 8)

    def test_a_licence_makes_no_photo_anew(self):
        plan = load_plan("cow")
        other = plan.category.model_copy(update={"license": "CC-BY-4.0"})
        assert plan.model_copy(update={"category": other}).photo_recipe == plan.photo_recipe

    def test_more_images_are_of_the_same_recipe(self):
        assert load_plan("cow", changes=PlanChanges(images=9)).crop_recipe == load_plan("cow").crop_recipe

    def test_another_sampler_makes_other_photos(self):
        changes = PlanChanges(generator={"kind": "stable_diffusion", "steps": 7})
        assert load_plan("cow", changes=changes).photo_recipe != load_plan("cow").photo_recipe

    def test_a_device_names_nothing(self):
        cpu = load_plan("cow", changes=PlanChanges(device="cpu"))
        assert (cpu.crop_recipe, cpu.model_recipe) == (load_plan("cow").crop_recipe, load_plan("cow").model_recipe)


def test_other_photos_in_the_own_folder_make_another_recipe(tmp_path):
    changes = PlanChanges(own_photos={"kind": "folder", "folder": str(tmp_path)})
    (tmp_path / "a.jpg").write_bytes(b"one")
    plan = load_plan("cow", changes=changes)
    before = plan.photo_recipe
    (tmp_path / "a.jpg").write_bytes(b"two")
    assert plan.photo_recipe == before  # for the run that has begun
    plans._contents.cache_clear()
    assert load_plan("cow", changes=changes).photo_recipe != before
    assert plan.model_recipe == load_plan("cow").model_recipe


def test_an_own_folder_that_is_not_there_is_named(tmp_path):
    plan = load_plan("cow", changes=PlanChanges(own_photos={"kind": "folder", "folder": str(tmp_path / "gone")}))
    with pytest.raises(ValueError, match="gone: is no folder; give the path of one"):
        _ = plan.photo_recipe
