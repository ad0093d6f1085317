from threading import Event, Thread

import pytest
import torch

from models.core.errors import MissingWeights
from models.methods import methods
from models.methods.magicpony.warm_start import WarmStart
from models.rendering import NvdiffrastConfig, Reference
from models.rendering.reconstruction import Refinable, Renderable
from models.segmenters import Detectron2Config, PointRendConfig, TransformersConfig
from models.segmenters.detectron2 import COCO
from storage.dataset.encoding import Sample
from storage.runs.releases import MAIN_METHOD
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.layout import Store
from tasks.inference.loading import (
    _RUNS_HERE,
    _refined,
    embedded_recipe,
    framed,
    load_start,
    parse_recipe,
    parse_segmenter,
    recipe_of,
    reconstructor,
    require_stages,
    setting,
    stage_artifacts,
    stage_digests,
    start,
    training_setting,
    usable_crop_recipe,
    validation,
    with_segmenter,
)
from tasks.runtime.devices import cached_model
from tasks.runtime.recipes import ModelRecipe
from tests.storage.material import row, sample
from tests.tasks.material import CROPS, tiny_model, trained
from tests.tasks.two_stages import FINE, ROUGH, two_stages


def test_the_loaded_model_answers_photos(model, crops):
    batch = validation(crops, 32, 2).batch(torch.arange(1))
    answer = reconstructor(model, "cpu:0").predict(batch)
    assert isinstance(answer, Renderable) and answer.render(32).rgb.shape == (1, 32, 32, 3)


def test_the_start_is_another_model_and_the_same_every_time(model, crops, vit):
    batch = validation(crops, 32, 2).batch(torch.arange(1))
    ours, first, second = (
        answers.predict(batch).mesh(0).vertices
        for answers in (reconstructor(model, "cpu:0"), *(start(tiny_model(vit), "cpu:0") for _ in "ab"))
    )
    assert torch.equal(first, second)
    assert ours.shape != first.shape or not torch.allclose(ours, first)


class HalfPrecision:
    """Loads weights in bfloat16 as diffusers does: by the default of all threads."""

    def __init__(self):
        self.has_begun, self.other_is_done = Event(), Event()

    def build(self, device):
        torch.set_default_dtype(torch.bfloat16)
        try:
            self.has_begun.set()
            self.other_is_done.wait(0.5)
        finally:
            torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("finished", [True, False])
def test_a_model_keeps_its_precision_while_another_is_loaded_in_half_of_it(model, crops, vit, finished, monkeypatch):
    teacher, threads = HalfPrecision(), []

    def load_beside(part, where):
        built = cached_model(part, where)
        threads.append(Thread(target=lambda: cached_model(teacher, "cpu:1")))
        threads[-1].start()
        teacher.has_begun.wait(0.3)
        return built

    monkeypatch.setattr("tasks.inference.loading.cached_model", load_beside)
    loaded = reconstructor(model, "cpu:0") if finished else start(tiny_model(vit), "cpu:0")
    teacher.other_is_done.set()
    for thread in threads:
        thread.join(5)
    assert teacher.has_begun.is_set()
    batch = validation(crops, 32, 2).batch(torch.arange(1))
    assert loaded.predict(batch).mesh(0).vertices.dtype == torch.float32


def test_an_answer_is_fitted_to_its_mask_where_that_is_asked_and_can_be_done(model):
    class Plain:
        def predict(self, batch):
            return batch

    plain = Plain()
    assert _refined(plain, True) is plain
    ours = reconstructor(model, "cpu:0")
    assert isinstance(ours, Refinable) and type(reconstructor(model, "cpu:0", refine=True)) is type(ours.refined())


def test_a_model_that_lost_a_stage_does_not_answer_as_its_start(crops, vit):
    recipe = two_stages(vit)
    ref = trained(Store(crops.root).model("cow", "torn"), crops, recipe)
    files.remove(layout.member(layout.stage(ref, FINE), f"{FINE}.safetensors"))
    assert list(stage_artifacts(ref, recipe)) == [ROUGH] == list(stage_digests(ref))
    with pytest.raises(MissingArtifact, match=f"stages/{FINE}: is not committed; run magicpony/cow again"):
        require_stages(ref, recipe)


def test_what_answers_without_a_release_is_not_what_a_training_starts_from():
    recipe, start = embedded_recipe(), methods()[MAIN_METHOD].preset("laptop")
    assert recipe.weights_digests == {name: part.digest() for name, part in recipe.method.parts.items()}
    for name in ("vit", "warm_start"):
        assert recipe.weights_digests[name] != start.parts[name].digest()


def test_it_knows_its_recipe(model, vit):
    assert recipe_of(model) == tiny_model(vit)


def test_a_run_without_a_finished_model_says_what_to_do(model):
    with pytest.raises(MissingArtifact, match="type `farm3d verify --repair`, then run"):
        recipe_of(model.model_copy(update={"run": "nowhere"}))


def test_a_recipe_of_another_version_is_named_with_its_place_and_what_is_strange_in_it(model, vit):
    said = tiny_model(vit).model_dump(mode="json") | {"wings": 2}
    with pytest.raises(CorruptArtifact, match=r"data/cow/runs/x: holds a recipe of another version \(wings: "):
        parse_recipe(ModelRecipe, said, "data/cow/runs/x")


def test_never_more_than_asked_for(crops):
    assert len(validation(crops, 32, 1)) == 1


def test_a_view_word_becomes_its_number_and_an_unknown_one_minus_one():
    views = {
        view: framed(sample(0, view=view, width=16, height=16)).view for view in ("front", "side", "back", "above", "")
    }
    assert views == {"front": 0, "side": 1, "back": 2, "above": -1, "": -1}


def test_a_sample_without_a_picture_is_nothing_to_learn_from():
    with pytest.raises(ValueError, match="sample cow-[0-9a-f]+ has no image or no mask"):
        framed(Sample(row(0)))


def test_a_model_does_not_answer_with_another_transformer_than_it_was_taught_with(model, vit):
    recipe = tiny_model(vit).model_copy(update={"weights_digests": {"vit": "f" * 64, "warm_start": ""}})
    sentence = (
        f"vit {vit.model} is {vit.digest()[:16]}, and this model of cow was taught with f{{16}}: .* `farm3d run cow`"
    )
    with pytest.raises(MissingWeights, match=sentence):
        setting(recipe, "cpu:0").load(vit)


def test_a_start_that_has_become_another_is_named(vit, tmp_path, caplog):
    recipe = tiny_model(vit)
    (tmp_path / "animal.safetensors").write_bytes(b"another")
    method = recipe.method.model_copy(update={"warm_start": WarmStart(model=str(tmp_path))})
    changed = recipe.model_copy(
        update={"method": method, "weights_digests": {"vit": vit.digest(), "warm_start": "a" * 64}}
    )
    with pytest.raises(
        MissingWeights, match=f"warm start {tmp_path} is .*, and this model of cow was taught with a{{16}}"
    ):
        start(changed, "cpu:0")
    assert (
        load_start(changed, "cpu:0") is None
        and f"of magicpony cannot be measured: warm start {tmp_path}" in caplog.text
    )


def test_a_segmenter_is_named_by_its_kind_and_its_model():
    assert parse_segmenter(None) is None and parse_segmenter("transformers") == TransformersConfig()
    assert parse_segmenter("transformers:C:/model") == TransformersConfig(model="C:/model")
    with pytest.raises(ValueError, match="segmenter is 'pointrent'; give transformers, or transformers:MODEL"):
        parse_segmenter("pointrent")


def test_another_segmenter_cuts_the_same_crops_and_is_asked_for_what_coco_knows():
    crops = with_segmenter(CROPS, TransformersConfig(model="some/model"))
    assert crops.size == CROPS.size and crops.segmenter.model == "some/model"
    assert {"cow", "dog", "zebra"} <= set(crops.segment_as) <= set(COCO)


class TestWithoutThePartsThatItLearntWith:
    @pytest.fixture(autouse=True)
    def _asked_anew(self):
        _RUNS_HERE.clear()

    def test_a_release_is_drawn_by_our_own_rasteriser_and_says_so_once(self, vit, caplog):
        recipe = tiny_model(vit).model_copy(update={"renderer": NvdiffrastConfig()})
        assert isinstance(setting(recipe, "cpu:0").renderer, Reference)
        assert isinstance(setting(recipe, "cpu:1").renderer, Reference)
        (record,) = caplog.records
        assert record.message == (
            "renderer.kind nvdiffrast on device cpu; it needs cuda, use kind reference here; "
            "until then what comes with the farm does its work"
        )

    def test_a_training_is_never_another_than_its_recipe_says(self, vit):
        recipe = tiny_model(vit).model_copy(update={"renderer": NvdiffrastConfig()})
        with pytest.raises(ValueError, match="it needs cuda"):
            training_setting(recipe, "cpu:0")

    def test_photos_are_cut_out_by_the_embedded_segmenter(self, caplog):
        recipe = CROPS.model_copy(update={"segmenter": Detectron2Config(), "segment_as": ("bear", "cow"), "size": 48})
        usable = usable_crop_recipe(recipe, "cpu:0")
        assert usable.segmenter == PointRendConfig() and usable.segment_as == ("cow",) and usable.size == 48
        assert "the segmenter `detectron2` needs detectron2" in caplog.text
        zebra = recipe.model_copy(update={"segment_as": ("zebra",)})
        assert usable_crop_recipe(zebra, "cpu:0").segment_as == PointRendConfig().classes()

    def test_what_runs_here_is_left_as_it_is(self, caplog):
        assert usable_crop_recipe(CROPS, "cpu:0") is CROPS and not caplog.records
