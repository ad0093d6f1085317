import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from models.core.errors import MissingPackage, MissingWeights
from models.segmenters.detectron2 import Detectron2, Detectron2Config


class FakePredictor:
    """Finds a cow, a better horse and a person, as detectron2 answers."""

    def __call__(self, image):
        self.seen = image
        masks = torch.zeros(3, 8, 8, dtype=torch.bool)
        masks[0, :4], masks[1, 4:], masks[2, 0] = True, True, True
        answer = SimpleNamespace(
            pred_masks=masks, scores=torch.tensor([0.8, 0.9, 0.99]), pred_classes=torch.tensor([19, 17, 0])
        )
        answer.to = lambda device: answer
        return {"instances": answer}


@pytest.fixture
def fake_detectron2(monkeypatch):
    """The four names of detectron2 that the adapter uses."""
    settings = SimpleNamespace(MODEL=SimpleNamespace(ROI_HEADS=SimpleNamespace()), extended=False)

    def merge(file):
        if not settings.extended:
            raise ValueError("PointRend's settings came first")
        if file == "absent.yaml":
            raise FileNotFoundError(file)

    settings.merge_from_file = merge
    modules = {
        "detectron2": {},
        "detectron2.config": {"get_cfg": lambda: settings},
        "detectron2.engine": {"DefaultPredictor": lambda given: FakePredictor()},
        "detectron2.projects": {},
        "detectron2.projects.point_rend": {"add_pointrend_config": lambda given: setattr(given, "extended", True)},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return settings


def test_only_asked_classes_come_back_likeliest_first():
    images = np.zeros((1, 8, 8, 3), np.uint8)
    (found,) = Detectron2(FakePredictor()).segment(images, ("cow", "horse"))
    assert [(each.label, round(each.score, 2)) for each in found] == [("horse", 0.9), ("cow", 0.8)]
    assert found[1].mask[:4].all() and not found[1].mask[4:].any()


def test_the_predictor_sees_blue_first():
    segmenter = Detectron2(FakePredictor())
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    segmenter.segment(image[None], ("cow",))
    assert segmenter.predictor.seen[0, 0].tolist() == [0, 0, 200]


def test_settings_are_passed_on(fake_detectron2):
    Detectron2Config(score=0.6, weights="x.pkl").build(torch.device("cpu"))
    assert fake_detectron2.MODEL.WEIGHTS == "x.pkl" and fake_detectron2.MODEL.DEVICE == "cpu"
    assert fake_detectron2.MODEL.ROI_HEADS.SCORE_THRESH_TEST == 0.6


def test_a_missing_file_and_a_missing_package_are_told_apart(fake_detectron2, monkeypatch):
    with pytest.raises(MissingWeights, match=r"absent\.yaml"):
        Detectron2Config(settings="absent.yaml").build(torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "detectron2.config", None)
    with pytest.raises(MissingPackage, match="pip install"):
        Detectron2Config().build(torch.device("cpu"))


def test_a_class_that_coco_lacks_is_refused():
    with pytest.raises(ValueError, match="'pig' is no class of COCO"):
        Detectron2(FakePredictor()).segment(np.zeros((1, 8, 8, 3), np.uint8), ("pig",))
