import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from models.core.errors import MissingPackage, MissingWeights
from models.segmenters import detectron2 as module
from models.segmenters.detectron2 import POINTREND, Detectron2, Detectron2Config


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
    settings = SimpleNamespace(MODEL=SimpleNamespace(ROI_HEADS=SimpleNamespace()), extended=False, merged=[])

    def merge(file):
        if not settings.extended:
            raise ValueError("PointRend's settings came first")
        assert file != "absent.yaml", f"Config file '{file}' does not exist!"
        settings.merged.append(file)

    settings.merge_from_file, settings.merge_from_list = merge, settings.merged.append
    modules = {
        "detectron2": {"__file__": "package/detectron2/__init__.py"},
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
    base, changed = fake_detectron2.merged
    assert base == "package/detectron2/model_zoo/configs/Base-RCNN-FPN.yaml" and changed[::2] == list(POINTREND)


def test_other_settings_stand_alone(fake_detectron2):
    Detectron2Config(settings="other.yaml").build(torch.device("cpu"))
    assert fake_detectron2.merged == ["other.yaml"]


def test_its_digest_is_that_of_the_bytes_wherever_they_lie(tmp_path):
    for name in ("one.pkl", "two.pkl"):
        (tmp_path / name).write_bytes(b"weights")
    one, two = (Detectron2Config(weights=str(tmp_path / name)).digest() for name in ("one.pkl", "two.pkl"))
    assert one == two
    (tmp_path / "two.pkl").write_bytes(b"others")
    assert Detectron2Config(weights=str(tmp_path / "two.pkl")).digest() != one
    assert "model_final_ba17b9.pkl" in Detectron2Config().digest()


class TestBeforeItIsNeeded:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch, tmp_path):
        monkeypatch.setattr(module, "find_spec", lambda name: name)
        monkeypatch.setenv("FVCORE_CACHE", str(tmp_path / "cache"))

    @pytest.mark.parametrize("package", ["detectron2", "torchvision", "cv2"])
    def test_each_package_is_asked_for(self, monkeypatch, package):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == package else name)
        with pytest.raises(MissingPackage, match=rf"needs {package}: .*torchvision opencv.*--no-build-isolation git"):
            Detectron2Config().check_available("cpu")

    @pytest.mark.parametrize("part", ["settings", "weights"])
    def test_each_file_is_asked_for(self, part):
        with pytest.raises(MissingWeights, match=r"gone\.file does not exist; give the path of a file"):
            Detectron2Config(**{part: "gone.file"}).check_available("cpu")

    def test_what_was_fetched_before_is_not_asked_for_again(self, monkeypatch, tmp_path):
        asked = []
        monkeypatch.setattr(module, "check_address", asked.append)
        Detectron2Config().check_available("cpu")
        (address,) = asked
        assert address.startswith("https://") and address.endswith("28119989/model_final_ba17b9.pkl")
        kept = tmp_path / "cache" / address.partition("//")[2].partition("/")[2]
        kept.parent.mkdir(parents=True)
        kept.touch()
        Detectron2Config().check_available("cpu")
        assert len(asked) == 1


def test_a_missing_file_and_a_missing_package_are_told_apart(fake_detectron2, monkeypatch):
    with pytest.raises(MissingWeights, match=r"absent\.yaml"):
        Detectron2Config(settings="absent.yaml").build(torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "detectron2.config", None)
    with pytest.raises(MissingPackage, match="pip install"):
        Detectron2Config().build(torch.device("cpu"))


def test_a_class_that_coco_lacks_is_refused():
    with pytest.raises(ValueError, match="'pig' is no class of COCO"):
        Detectron2(FakePredictor()).segment(np.zeros((1, 8, 8, 3), np.uint8), ("pig",))
