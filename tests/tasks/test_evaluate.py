import pytest
import torch

from models.metrics.silhouette import iou
from models.truth.examples import joined
from models.truth.held_out import held_out
from tasks import evaluate as module
from tasks.evaluate import ANIMALS, PHOTOS, evaluate, read
from tests.tasks.material import CONFIG, TRUTH


def test_the_model_stands_first_and_beside_trivial_answers(measured):
    tables = read(measured)
    assert list(tables) == [ANIMALS, PHOTOS]
    methods = list(dict.fromkeys(row.method for row in tables[ANIMALS]))
    assert methods[:4] == ["tiny", "unit sphere", "mean ellipsoid", "mean mesh"]


def test_refinement_is_measured_only_where_masks_are_true(measured):
    tables = read(measured)
    refined, plain = (
        {row.metric: row.mean for row in tables[ANIMALS] if row.method == name} for name in ("tiny refined", "tiny")
    )
    assert refined["mask IoU"] != plain["mask IoU"] and refined.keys() == plain.keys()
    assert not any(row.method == "tiny refined" for row in tables[PHOTOS])


def test_refinement_sees_the_segmenters_mask_and_is_judged_by_the_true_one(crops):
    (example,) = held_out("cow", TRUTH.model_copy(update={"scenes": 1, "photo": 128, "size": 96}))
    shown = module._segmented(example, module.crop_recipe(crops), "cpu")
    assert 0.8 < iou(shown.found[0].numpy() > 0.5, example.crop.mask[0].numpy() > 0.5) < 1
    assert torch.equal(joined([shown]).mask, shown.found) and torch.equal(shown.crop.mask, example.crop.mask)


def test_every_number_has_its_protocol(measured):
    rows = [row for table in read(measured).values() for row in table]
    assert rows and all(row.protocol and row.count > 0 for row in rows)


def test_truth_is_asked_only_where_it_is_known(measured):
    tables = read(measured)
    assert "Chamfer distance" in {row.metric for row in tables[ANIMALS]}
    assert "Chamfer distance" not in {row.metric for row in tables[PHOTOS]}


def test_the_same_measurement_is_not_taken_twice(measured, crops, monkeypatch):
    monkeypatch.setattr(module, "_tables", lambda *_: pytest.fail("measured again"))
    assert evaluate.fn([measured], crops, TRUTH, CONFIG, "cpu") == measured


def test_another_protocol_is_another_measurement(measured, crops, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_tables", lambda *_: asked.append(1) or read(measured))
    evaluate.fn([measured], crops, TRUTH.model_copy(update={"scenes": 3}), CONFIG, "cpu")
    assert asked
