import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.core.category import BarnyardTruth, FolderTruth, NoTruth
from models.methods import MagicPonyConfig
from models.metrics.silhouette import iou
from models.segmenters import Instance
from models.truth.examples import join_examples, split_batch
from models.truth.held_out import held_out
from storage.dataset import samples
from storage.formats.pictures import png
from storage.runs.scores import START
from storage.store import layout
from storage.store.layout import Store
from tasks import evaluate as module
from tasks.evaluate import PHOTOS, SEEN_PHOTOS, evaluate, measured_on, read
from tasks.inference.loading import start, validation
from tests.storage.material import flip
from tests.tasks.material import CONFIG, HELD_OUT, Drawn, Red, tiny_model, trained

ANIMALS = "barnyard animals"


def test_the_model_stands_first_and_beside_trivial_answers(measured):
    tables = read(measured)
    assert list(tables) == [ANIMALS, PHOTOS]
    methods = list(dict.fromkeys(row.method for row in tables[ANIMALS]))
    refined = ["tiny refined", f"{START} refined"]
    assert methods[:7] == ["tiny", START, "unit sphere", "mean ellipsoid", "mean mesh", *refined]


def test_the_start_stands_in_every_table_with_the_numbers_of_the_model_before_its_training(measured, crops, vit):
    for name, table in read(measured).items():
        ours, before = ({row.metric: row for row in table if row.method == who} for who in ("tiny", START))
        assert ours.keys() == before.keys(), name
        assert any(ours[metric].mean != before[metric].mean for metric in ours), name
        assert all(ours[metric].count == before[metric].count for metric in ours), name
    recipe = tiny_model(vit)
    photos = validation(crops, HELD_OUT.size, HELD_OUT.scenes)
    examples = split_batch(photos.batch(torch.arange(len(photos))), [str(row) for row in range(len(photos))])
    table = module.score_methods({START: start(recipe, "cpu:0")}, examples, CONFIG)
    assert table == [row for row in read(measured)[PHOTOS] if row.method == START]


def test_a_method_without_training_has_no_start_beside_it(model, crops, elsewhere, monkeypatch):
    monkeypatch.setattr(MagicPonyConfig, "stages", lambda self: ())
    monkeypatch.setattr(module, "reconstructor", lambda model, where: start(module.recipe_of(model), where))
    evaluate.fn([model], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    assert {row.method for row in read(model)[PHOTOS]} == {"tiny", "unit sphere"}


def test_several_methods_stand_in_one_table_and_the_start_is_that_of_the_first(model, crops, vit, elsewhere):
    longer = trained(Store(crops.root).model("cow", "longer"), crops, tiny_model(vit, steps=6))
    evaluate.fn([model, longer], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    methods = list(dict.fromkeys(row.method for row in read(model)[PHOTOS]))
    assert methods == ["tiny", "longer", START, "unit sphere"]


def test_each_method_is_shown_the_crops_at_the_size_that_it_reads(model, crops, vit, elsewhere, monkeypatch):
    recipe = tiny_model(vit)
    method = recipe.method.model_copy(update={"training": recipe.method.training.model_copy(update={"size": 24})})
    small = trained(Store(crops.root).model("cow", "small"), crops, recipe.model_copy(update={"method": method}))
    assert [module.recipe_of(each).method.resolution for each in (model, small)] == [32, 24]
    sizes = {"tiny": set(), "small": set()}
    load = module.reconstructor

    def watched(ref, where):
        loaded = load(ref, where)

        def predict(batch):
            sizes[ref.run].add(batch.mask.shape[-1])
            return loaded.predict(batch)

        return SimpleNamespace(predict=predict)

    monkeypatch.setattr(module, "reconstructor", watched)
    evaluate.fn([model, small], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    assert sizes == {"tiny": {32}, "small": {24}}
    assert {row.method for row in read(model)[PHOTOS] if row.metric == "mask IoU"} >= {"tiny", "small"}


def test_refinement_is_measured_only_where_masks_are_true(measured):
    tables = read(measured)
    for name in ("tiny", START):
        refined, plain = (
            {row.metric: row.mean for row in tables[ANIMALS] if row.method == who} for who in (f"{name} refined", name)
        )
        assert refined["mask IoU"] != plain["mask IoU"] and refined.keys() == plain.keys()
    assert not any("refined" in row.method for row in tables[PHOTOS])


def test_refinement_sees_the_segmenters_mask_and_is_judged_by_the_true_one(crops):
    (example,) = held_out("cow", HELD_OUT.model_copy(update={"scenes": 1, "photo": 128, "size": 96}))
    shown = module.show_found_mask(example, module.crop_recipe(crops), "cpu")
    assert 0.5 < iou(shown.input_mask[0].numpy() > 0.5, example.crop.mask[0].numpy() > 0.5) < 1
    assert torch.equal(join_examples([shown]).mask, shown.input_mask) and torch.equal(
        shown.crop.mask, example.crop.mask
    )


def test_the_segmenter_is_asked_about_the_whole_photo_as_users_ask_it(crops, monkeypatch):
    seen = []

    class Spy:
        def segment(self, images, classes):
            seen.append(images)
            mask = np.zeros(images.shape[1:3], bool)
            mask[:, : mask.shape[1] // 2] = True
            return [[Instance(mask, 1.0, "cow")]]

    monkeypatch.setattr(module, "cached_model", lambda *_: Spy())
    (example,) = held_out("cow", HELD_OUT.model_copy(update={"scenes": 1, "photo": 128, "size": 96}))
    shown = module.show_found_mask(example, module.crop_recipe(crops), "cpu")
    assert seen[0].shape == (1, 128, 128, 3)
    # The half of the photo that was found lies in the crop where the crop's box has it.
    box = example.source.box
    edge = (64 - box.left) / box.width * 96
    assert abs(float(shown.input_mask[0, 48].sum()) - (edge - max(0, -box.left) / box.width * 96)) <= 1
    with pytest.raises(ValueError, match=r"cow-\d+: source is None"):
        module.show_found_mask(replace(example, source=None), module.crop_recipe(crops), "cpu")


def test_every_number_has_its_protocol(measured):
    rows = [row for table in read(measured).values() for row in table]
    assert rows and all(row.protocol and row.count > 0 for row in rows)


def test_truth_is_asked_only_where_it_is_known(measured):
    tables = read(measured)
    assert "Chamfer distance" in {row.metric for row in tables[ANIMALS]}
    assert "Chamfer distance" not in {row.metric for row in tables[PHOTOS]}


def test_the_same_measurement_is_not_taken_twice(measured, crops, monkeypatch):
    monkeypatch.setattr(module, "_tables", lambda *_: pytest.fail("measured again"))
    assert evaluate.fn([measured], crops, BarnyardTruth(), HELD_OUT, CONFIG, "cpu") == measured


def test_another_protocol_is_another_measurement(measured, crops, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_tables", lambda *_: asked.append(1) or read(measured))
    evaluate.fn([measured], crops, BarnyardTruth(), HELD_OUT.model_copy(update={"scenes": 3}), CONFIG, "cpu")
    assert asked


def test_a_table_on_pictures_that_training_saw_says_so(model, crops, elsewhere, monkeypatch):
    of_dataset = samples.of_dataset
    monkeypatch.setattr(samples, "of_dataset", lambda ref, split: of_dataset(ref, split) if split == "train" else ())
    evaluate.fn([model], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    assert list(read(model)) == [SEEN_PHOTOS]
    assert measured_on(model, SEEN_PHOTOS).endswith("seen in training; no ground truth for cow")


@pytest.fixture
def elsewhere(model, monkeypatch, tmp_path):
    """The numbers are written beside those of the other tests."""
    monkeypatch.setattr(layout, "evaluation", lambda _: str(tmp_path / "evaluation"))
    monkeypatch.setattr("tasks.inference.select.cached_model", lambda config, where: Red())


def test_without_truth_photos_alone_are_measured_and_every_table_says_so(model, crops, elsewhere):
    evaluate.fn([model], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    tables = read(model)
    assert list(tables) == [PHOTOS]
    assert {row.method for row in tables[PHOTOS]} == {"tiny", START, "unit sphere"}
    assert {"mask IoU", "boundary F", "view word"} <= {row.metric for row in tables[PHOTOS]}
    assert measured_on(model, PHOTOS) == "measured on generated photos; no ground truth for cow"


def test_a_folder_is_truth_as_far_as_it_knows(model, crops, elsewhere, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in (1, 2):
        (folder / f"{seed}.png").write_bytes(png(Drawn().draw(seed, blank=False)))
    truth = FolderTruth(folder=str(folder))
    evaluate.fn([model], crops, truth, HELD_OUT, CONFIG, "cpu")
    tables = read(model)
    assert list(tables) == ["photos with truth", PHOTOS]
    counts = {row.metric: row.count for row in tables["photos with truth"] if row.method == "tiny"}
    assert counts["mask IoU"] == 2 and "view word" not in counts
    assert measured_on(model, "photos with truth") == "measured on photos with truth"


def test_another_photo_in_the_folder_is_another_measurement(model, crops, elsewhere, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_tables", lambda *_: asked.append(1) or {PHOTOS: []})
    for name in ("1.png", "2.png", "2.png"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(png(Drawn().draw(1, blank=False)))
        evaluate.fn([model], crops, FolderTruth(folder=str(tmp_path / "photos")), HELD_OUT, CONFIG, "cpu")
    assert len(asked) == 2


@pytest.fixture
def moved(measured, crops, tmp_path):
    """The measured model and its crops under another root."""
    root = str(tmp_path / "moved")
    shutil.copytree(crops.root, root)
    return [ref.model_copy(update={"root": root}) for ref in (measured, crops)]


def test_a_root_that_was_moved_is_not_measured_again(moved, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_tables", lambda *_: asked.append(1) or {PHOTOS: []})
    for name in ("moved", "farther"):
        if name == "farther":
            shutil.copytree(tmp_path / "moved", tmp_path / name)
        model, crops = (ref.model_copy(update={"root": str(tmp_path / name)}) for ref in moved)
        evaluate.fn([model], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    assert asked == [1]


def test_two_runs_at_once_measure_once_and_a_damaged_table_is_made_again(moved, monkeypatch):
    model, crops = moved
    table = f"{layout.evaluation(model)}/generated-photos.json"
    flip(table, 100)
    asked = []

    def tables(*_):
        asked.append(1)
        time.sleep(0.3)
        return {PHOTOS: []}

    monkeypatch.setattr(module, "_tables", tables)
    arguments = [model], crops, BarnyardTruth(), HELD_OUT, CONFIG, "cpu"
    with ThreadPoolExecutor(2) as pool:
        assert [run.result() for run in [pool.submit(evaluate.fn, *arguments) for _ in range(2)]] == [model] * 2
    assert asked == [1] and read(model) == {PHOTOS: []}
