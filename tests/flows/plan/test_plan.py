import pytest

from flows.plan import plan as plans
from flows.plan.plan import PlanChanges, load_plan
from models.core.schedule import Schedule
from models.generators import StableDiffusionConfig
from models.methods import Farm3DConfig, MagicPonyConfig, methods
from models.methods.base import Needs
from models.methods.magicpony.warm_start import FromNothing
from storage.dataset import shards, snapshots
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, publish, samples

SCALES = ("smoke", "laptop", "gpu", "paper")


@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize("scale", SCALES)
def test_every_method_makes_a_plan_at_every_scale(scale, method):
    plan = load_plan("cow", scale, method=method)
    assert (plan.scale, plan.method.kind) == (scale, method)
    assert plan.method == methods()[method].preset(scale)


def test_the_dial_only_grows():
    plans_by_size = [load_plan("cow", scale) for scale in SCALES]
    for value in (
        lambda p: p.images,
        lambda p: p.method.training.steps,
        lambda p: p.method.resolution,
        lambda p: p.crop,
    ):
        values = [value(plan) for plan in plans_by_size]
        assert values == sorted(values)


def test_a_run_changes_one_knob_and_keeps_its_scale():
    plan = load_plan("cow", "smoke", changes=PlanChanges(method={"kind": "farm3d", "sds": 0.25}))
    assert isinstance(plan.method, Farm3DConfig) and plan.method.sds == Schedule(0.25)
    assert plan.method.distillation == load_plan("cow", "smoke").method.distillation
    assert load_plan("cow", "smoke", changes=PlanChanges(method={"sds": 0.25})) == plan


def test_another_model_takes_the_place_of_the_scales_own():
    turbo = {"model": "stabilityai/sdxl-turbo", "revision": "main", "steps": 2, "guidance": 0.0}
    changes = PlanChanges(generator={"kind": "stable_diffusion", "sampler": "", "negative_prompt": "", **turbo})
    generator = load_plan("cow", "gpu", changes=changes).generator
    assert generator == StableDiffusionConfig(**turbo, size=512, dtype="bfloat16")


def test_a_run_may_start_from_nothing():
    plan = load_plan("cow", "laptop", changes=PlanChanges(method={"warm_start": {"kind": "nothing"}}))
    assert plan.method.warm_start == FromNothing() and plan.model_recipe.weights_digests["warm_start"] == ""
    assert load_plan("cow", "laptop").method.warm_start.kind == "quadruped"


@pytest.mark.parametrize("method", ["farm3d", "magicpony"])
def test_what_starts_from_nothing_learns_at_the_rates_of_a_whole_training_from_a_generic_quadruped(method):
    asked = {"warm_start": {"kind": "nothing"}}
    started = load_plan("cow", "laptop", changes=PlanChanges(method=asked), method=method).method
    gentle = load_plan("cow", "laptop", method=method).method
    assert started.animal.prior.first == "quadruped"
    assert [stage.name for stage in started.stages()] == ["animal", "own_shape"]
    assert started.training.steps > 5 * gentle.training.steps
    for rate in ("rate_shape", "rate_pose", "rate_rest"):
        assert getattr(started.training, rate) >= 30 * getattr(gentle.training, rate)
    shorter = PlanChanges(method=asked | {"training": {"steps": 7}, "animal": {"prior": {"first": "ellipsoid"}}})
    changed = load_plan("cow", "laptop", changes=shorter, method=method).method
    assert changed.training == started.training.model_copy(update={"steps": 7})
    assert changed.animal.prior.first == "ellipsoid"


@pytest.mark.parametrize("scale", ["smoke", "gpu", "paper"])
def test_scales_that_start_from_nothing_stay_as_they_are_when_asked_to(scale):
    asked = PlanChanges(method={"warm_start": {"kind": "nothing"}})
    assert load_plan("cow", scale, changes=asked) == load_plan("cow", scale)


@pytest.mark.parametrize("method", ["farm3d", "magicpony"])
def test_each_animals_proportions_are_learnt_from_own_photos_and_not_from_drawn_ones(method, tmp_path):
    drawn, own = (
        load_plan("cow", "laptop", changes=changes, method=method).method
        for changes in (None, PlanChanges(own_photos={"folder": str(tmp_path)}))
    )
    for learnt in (drawn, own):
        assert [stage.name for stage in learnt.stages()] == ["silhouettes", "animal", "own_shape"]
    assert own.warm_start.silhouettes.deforms and not drawn.warm_start.silhouettes.deforms
    assert (drawn.warm_start.kept, own.warm_start.kept) == (0.5, 0)
    assert own.model_copy(update={"warm_start": drawn.warm_start}) == drawn
    without = PlanChanges(method={"warm_start": {"silhouettes": {"steps": 0}}, "own_shape": {"steps": 0}})
    plain = load_plan("cow", "laptop", changes=without, method=method).method
    assert [stage.name for stage in plain.stages()] == ["animal"]


@pytest.mark.parametrize("scale", ["smoke", "gpu", "paper"])
def test_what_learns_from_nothing_learns_from_own_photos_as_from_drawn_ones(scale, tmp_path):
    own = load_plan("cow", scale, changes=PlanChanges(own_photos={"folder": str(tmp_path)}))
    assert own.method == load_plan("cow", scale).method


@pytest.mark.parametrize("method", ["meshinversion", "meshrcnn", "smplify"])
def test_what_goes_on_from_no_animal_cannot_leave_it_out(method):
    asked = PlanChanges(method={"warm_start": {"kind": "nothing"}})
    with pytest.raises(ValueError, match=f"^method {method} goes on from .* --from-nothing .* farm3d or magicpony$"):
        load_plan("cow", "laptop", changes=asked, method=method)


def test_a_change_out_of_range_is_refused_with_its_place():
    with pytest.raises(ValueError, match="training.steps is 0"):
        load_plan("cow", changes=PlanChanges(method={"training": {"steps": 0}}))


def test_without_sds_differs_in_nothing_but_the_teachers_term():
    plan, without = load_plan("cow", "smoke"), load_plan("cow", "smoke", method="magicpony")
    assert plan.model_copy(update={"method": without.method}) == without
    assert {
        name for name in MagicPonyConfig.model_fields if getattr(plan.method, name) != getattr(without.method, name)
    } == {"kind"}
    assert (plan.crop_recipe, plan.held_out) == (without.crop_recipe, without.held_out)


def test_every_plan_survives_the_server():
    plan = load_plan("sheep", "paper")
    assert plans.Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize("scale", SCALES)
def test_held_out_animals_are_photographed_like_the_generators_and_cropped_like_the_methods(scale):
    plan = load_plan("cow", scale)
    held_out = plan.held_out
    assert (held_out.scenes, held_out.photo, held_out.size) == (
        plan.scenes,
        plan.generator.size,
        plan.method.training.size,
    )


class TestResolutionsThatContradictEachOther:
    @pytest.mark.parametrize(
        ("scale", "changes", "message"),
        [
            ("smoke", {"crop": 256}, "crop is 256 px and photos have 128; give a crop of at most 128"),
            (
                "laptop",
                {"own_photos": {"folder": ".", "size": 96}},
                "crop is 128 px and photos have 96; give a crop of at most 96",
            ),
            (
                "laptop",
                {"crop": 64},
                "method farm3d reads crops of 96 px and crop is 64, so they would be enlarged; "
                "give a crop of at least 96, or a method that reads at most 64 px",
            ),
            (
                "smoke",
                {"method": {"training": {"size": 160}}},
                "method farm3d reads crops of 160 px and crop is 128, so they would be enlarged; "
                "give a crop of at least 160, or a method that reads at most 128 px",
            ),
        ],
    )
    def test_are_one_sentence_with_values_and_remedy(self, scale, changes, message):
        with pytest.raises(ValueError) as error:
            load_plan("cow", scale, changes=PlanChanges.model_validate(changes))
        assert str(error.value) == f"changes: {message}"

    def test_agree_again_when_they_follow_from_each_other(self):
        changes = {"own_photos": {"folder": ".", "size": 96}, "crop": 96}
        assert load_plan("cow", "laptop", changes=PlanChanges.model_validate(changes)).crop == 96


def test_an_unknown_method_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="method 'farm4d' is unknown; choose .*farm3d, .*magicpony"):
        load_plan("cow", "smoke", method="farm4d")


def test_a_change_of_the_method_itself_is_refused_with_the_flow_to_run():
    with pytest.raises(ValueError) as error:
        load_plan("cow", "smoke", changes=PlanChanges(method={"kind": "magicpony"}))
    assert str(error.value) == (
        "changes: method.kind is magicpony in a run of farm3d; leave it out, or type "
        "`prefect deployment run magicpony/cow`"
    )


class TestWhatAMethodNeeds:
    def needing(self, monkeypatch, **needs):
        monkeypatch.setattr(MagicPonyConfig, "needs", Needs(**needs))

    def test_a_release_that_is_not_there_is_named_before_any_work_with_its_command(self, monkeypatch, tmp_path):
        self.needing(monkeypatch, releases=("farm3d",))
        monkeypatch.setattr(plans, "weights_digest", lambda part: pytest.fail("weights were read"))
        with pytest.raises(ValueError) as error:
            load_plan("cow", "smoke", str(tmp_path), method="magicpony")
        assert str(error.value) == (
            f"method magicpony needs a release of farm3d for cow, and {tmp_path} has none; make one with "
            "`prefect deployment run farm3d/cow -p scale=smoke`"
        )
        assert list(tmp_path.iterdir()) == []

    def test_any_release_of_that_method_will_do_and_none_of_another(self, monkeypatch, tmp_path):
        self.needing(monkeypatch, releases=("farm3d",))
        publish(Store(str(tmp_path)), "smoke-1", method="magicpony", scale="smoke")
        with pytest.raises(ValueError, match="needs a release of farm3d for cow"):
            load_plan("cow", "laptop", str(tmp_path), method="magicpony")
        publish(Store(str(tmp_path)), "smoke-2", method="farm3d", scale="smoke")
        assert load_plan("cow", "laptop", str(tmp_path), method="magicpony").method.kind == "magicpony"

    def test_a_column_that_nothing_makes_is_named_with_the_known_ones(self, monkeypatch, tmp_path):
        self.needing(monkeypatch, columns=("halo",))
        with pytest.raises(ValueError, match="method magicpony needs column 'halo', which nothing makes; known: "):
            load_plan("cow", "smoke", str(tmp_path), method="magicpony")

    def test_columns_need_a_release_that_they_are_distilled_from(self, monkeypatch, tmp_path):
        self.needing(monkeypatch, columns=(next(iter(plans.COLUMNS)),))
        with pytest.raises(ValueError, match="distilled from a release of cow, .* run farm3d/cow -p scale=smoke`"):
            load_plan("cow", "smoke", str(tmp_path), method="magicpony")
        publish(Store(str(tmp_path)), "smoke-1", scale="smoke")
        load_plan("cow", "smoke", str(tmp_path), method="magicpony")


class TestWhatNamesTheProducts:
    @pytest.fixture(autouse=True)
    def _known_weights(self, monkeypatch):
        monkeypatch.setattr(plans, "weights_digest", lambda part: "0" * 8)

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

    def test_a_truth_names_no_model(self):
        plan = load_plan("cow", "smoke")
        other = plan.model_copy(update={"category": plan.category.without_truth})
        assert plan.category != other.category and other.model_recipe == plan.model_recipe

    def test_every_frozen_part_of_the_method_names_its_weights(self, monkeypatch):
        monkeypatch.setattr(plans, "weights_digest", lambda part: type(part).__name__)
        digests = load_plan("cow", "laptop").model_recipe.weights_digests
        assert digests == {
            "vit": "VitConfig",
            "warm_start": "WarmStart",
            "keypoints": "KeypointConfig",
            "diffusion_prior": "StableDiffusionConfig",
        }
        plain = load_plan("cow", method="magicpony").model_recipe.weights_digests
        assert plain.keys() == {"vit", "warm_start", "keypoints"}

    def test_a_run_has_the_name_of_its_method_and_scale_and_other_weights_are_another_run(self, monkeypatch, tmp_path):
        store = Store(str(tmp_path))
        ref = store.curated("cow", digest(RECIPE), 0)
        shards.write(ref, samples(3), RECIPE)
        crops = snapshots.commit([ref])
        plan = load_plan("cow", "smoke", str(tmp_path))
        run = plan.model(crops).run
        assert run.startswith("farm3d-smoke-") and plan.model(crops).run == run
        assert (
            load_plan("cow", "smoke", str(tmp_path), method="magicpony").model(crops).run.startswith("magicpony-smoke-")
        )
        monkeypatch.setattr(plans, "weights_digest", lambda part: "1" * 8)
        assert plan.model(crops).run != run


def test_other_photos_in_the_own_folder_make_another_recipe(tmp_path):
    changes = PlanChanges(own_photos={"kind": "folder", "folder": str(tmp_path)})
    (tmp_path / "a.jpg").write_bytes(b"one")
    plan = load_plan("cow", changes=changes)
    before = plan.photo_recipe
    (tmp_path / "a.jpg").write_bytes(b"two")
    assert plan.photo_recipe == before  # for the run that has begun
    plans._DIGESTS.clear()
    assert load_plan("cow", changes=changes).photo_recipe != before
    assert plan.model_recipe == load_plan("cow", changes=changes).model_recipe


def test_an_own_folder_that_is_not_there_is_named(tmp_path):
    plan = load_plan("cow", changes=PlanChanges(own_photos={"kind": "folder", "folder": str(tmp_path / "gone")}))
    with pytest.raises(ValueError, match="gone: is no folder; give the path of one"):
        _ = plan.photo_recipe


def test_a_training_is_shared_by_as_many_processes_as_divide_what_it_computes_at_once():
    assert load_plan("cow", "gpu", changes=PlanChanges(processes=5)).processes == 5
    said = "processes is 4, and stage animal of method farm3d computes 10 images at once, .*give 1 or 2 or 5 or 10"
    with pytest.raises(ValueError, match=f"changes: .*{said}"):
        load_plan("cow", "gpu", changes=PlanChanges(processes=4))
    halves = {"training": {"accumulate": 2}}
    with pytest.raises(ValueError, match="computes 5 images at once, .*give 1 or 5"):
        load_plan("cow", "gpu", changes=PlanChanges(processes=2, method=halves))


def test_how_many_processes_train_names_no_other_run():
    one, two = (load_plan("cow", "smoke", changes=PlanChanges(processes=count)) for count in (1, 2))
    assert one.model_recipe == two.model_recipe


def test_an_unknown_scale_is_refused(tmp_path):
    with pytest.raises(ValueError, match="scale 'huge' is unknown; choose smoke, laptop, gpu, paper"):
        load_plan("cow", "huge", str(tmp_path))


def test_the_form_of_the_ui_says_of_every_field_what_it_is_and_shows_no_note_of_developers():
    schema = PlanChanges.model_json_schema()
    fields = {
        f"{part}.{name}": field
        for part, object in {"plan": schema, **schema["$defs"]}.items()
        for name, field in object.get("properties", {}).items()
    }
    assert len(fields) > 100
    assert [name for name, field in fields.items() if not field.get("description")] == []
    for word in ("exclude_if", "digest", "pydantic", "TODO"):
        assert not [name for name, field in fields.items() if word in field["description"]], word
