import numpy as np
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForUniversalSegmentation,
    DetrConfig,
    EomtConfig,
    EomtForUniversalSegmentation,
    EomtImageProcessorPil,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessorPil,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessorPil,
    SwinConfig,
)

from models.core.errors import MissingWeights
from models.segmenters.transformers import TransformersConfig, TransformersSegmenter

NAMES = {0: "cow", 1: "horse", 2: "person"}
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genuine, small Mask2Former with random weights."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4,
        out_features=[f"stage{number}" for number in range(1, 5)],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=6,
        id2label=NAMES, label2id={name: number for number, name in NAMES.items()},
    )  # fmt: skip
    path = tmp_path_factory.mktemp("mask2former")
    Mask2FormerForUniversalSegmentation(config).save_pretrained(path)
    Mask2FormerImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def segmenter(folder) -> TransformersSegmenter:
    return TransformersConfig(model=str(folder), score=0.0).build(torch.device("cpu"))


def test_instances_come_likeliest_first_as_masks_of_the_photo(segmenter):
    found = segmenter.segment(IMAGES, ("cow", "horse", "person"))
    assert len(found) == 3 and any(found)
    for some in found:
        scores = [each.score for each in some]
        assert scores == sorted(scores, reverse=True)
        assert all(each.mask.shape == (48, 64) and each.mask.dtype == bool and each.mask.any() for each in some)


def test_only_asked_classes_come_back(segmenter):
    every = segmenter.segment(IMAGES, ("cow", "horse", "person"))
    label = next(each.label for some in every for each in some)
    others = tuple(name for name in NAMES.values() if name != label)
    left = segmenter.segment(IMAGES, others)
    assert [[each.label for each in some if each.label != label] for some in every] == [
        [each.label for each in some] for some in left
    ]


def test_no_score_no_instance(folder):
    strict = TransformersConfig(model=str(folder), score=1.0).build(torch.device("cpu"))
    assert strict.segment(IMAGES, ("cow",)) == [[], [], []]


def test_a_class_that_the_model_does_not_know_is_named(segmenter):
    with pytest.raises(ValueError, match=r"segment_as: 'pig' is no class of .*; they are cow, horse, person"):
        segmenter.segment(IMAGES, ("pig",))


def test_a_broken_folder_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(MissingWeights, match="the segmentation model in .* cannot be loaded"):
        TransformersConfig(model=str(tmp_path)).build(torch.device("cpu"))


def test_its_classes_are_known_before_it_is_loaded_and_only_once_its_settings_are_here(folder):
    assert TransformersConfig(model=str(folder)).classes() == ("cow", "horse", "person")
    assert TransformersConfig(model="nobody/has-fetched-this").classes() is None


def test_another_kind_of_model_is_refused_with_those_that_are_tested(folder, tmp_path):
    TransformersConfig(model=str(folder)).check_available("cpu")
    (tmp_path / "config.json").write_text('{"model_type": "oneformer"}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ValueError, match="is a oneformer; choose a model of .* mask2former, maskformer, eomt"):
        TransformersConfig(model=str(tmp_path)).check_available("cpu")


def maskformer():
    backbone = SwinConfig(
        image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4,
        out_features=[f"stage{number}" for number in range(1, 5)],
    )  # fmt: skip
    decoder = DetrConfig(
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=1, decoder_attention_heads=1,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=6,
    )  # fmt: skip
    config = MaskFormerConfig(
        backbone_config=backbone, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32,
        id2label=NAMES, label2id={name: number for number, name in NAMES.items()},
    )  # fmt: skip
    return MaskFormerForInstanceSegmentation(config), MaskFormerImageProcessorPil(size={"height": 64, "width": 64})


def eomt():
    config = EomtConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16, num_blocks=1,
        num_queries=6, num_upscale_blocks=1,
        id2label=NAMES, label2id={name: number for number, name in NAMES.items()},
    )  # fmt: skip
    return EomtForUniversalSegmentation(config), EomtImageProcessorPil(
        size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True
    )


@pytest.mark.parametrize("make", [maskformer, eomt])
def test_every_kind_that_is_named_answers_with_masks_of_the_photo(make, tmp_path):
    torch.manual_seed(0)
    network, processor = make()
    network.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    config = TransformersConfig(model=str(tmp_path), score=0.0)
    config.check_available("cpu")
    answers = config.build(torch.device("cpu")).segment(IMAGES, ("cow", "horse", "person"))
    assert len(answers) == 3 and any(answers)
    assert all(each.mask.shape == (48, 64) and each.mask.any() for some in answers for each in some)


def test_its_digest_is_that_of_its_files(folder):
    assert len(TransformersConfig(model=str(folder)).digest()) == 64
    assert TransformersConfig(model="some/model", revision="v1").digest() == "some/model@v1"


def test_a_hub_model_is_loaded_as_it_was_fetched_first(commit, refuse, monkeypatch):
    refuse(AutoImageProcessor)
    with pytest.raises(MissingWeights, match=commit):
        TransformersConfig(model="owner/model").build(torch.device("cpu"))
    monkeypatch.setattr(AutoImageProcessor, "from_pretrained", lambda *_, **options: None)
    refuse(AutoModelForUniversalSegmentation)
    with pytest.raises(MissingWeights, match=commit):
        TransformersConfig(model="owner/model").build(torch.device("cpu"))
