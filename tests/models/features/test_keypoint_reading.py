import pytest
import torch
from safetensors.torch import save_file

from models.core.errors import MissingWeights
from models.features.keypoint_reading import FILE, KeypointConfig, KeypointReading, centres, heat_maps
from models.features.vit import VitConfig


def test_a_peak_is_where_its_patch_is_and_is_trusted():
    logits = torch.full((1, 2, 8, 8), -20.0)
    logits[0, 0, 1, 6], logits[0, 1] = 20.0, 0.0
    places, trust = centres(logits)
    assert torch.allclose(places[0, 0], torch.tensor([13 / 8 - 1, 3 / 8 - 1]), atol=1e-4)
    assert trust[0, 0] > 0.99 and trust[0, 1] == 0, "a map that is flat says nothing"


def test_a_place_is_read_from_its_token_and_the_eight_around_it():
    tokens, weight = torch.zeros(1, 1, 8, 8), torch.zeros(3, 1, 3, 3)
    tokens[0, 0, 2, 5] = 1.0
    weight[0, 0, 1, 1], weight[1, 0, 1, 0], weight[2, 0, 0, 2] = 1.0, 1.0, 1.0
    peaks = heat_maps(weight, tokens)[0].flatten(1).argmax(1)
    assert [divmod(int(peak), 8) for peak in peaks] == [(2, 5), (2, 6), (3, 4)], "itself, its left, its upper right one"


def test_a_reading_is_read_as_it_was_written(tmp_path):
    weight = torch.randn(2, 5, 3, 3)
    save_file({"weight": weight}, tmp_path / FILE, {"keypoints": "nose tail", "vit": "abc"})
    reading = KeypointConfig(model=str(tmp_path)).build(torch.device("cpu"))
    assert torch.equal(reading.weight, weight) and reading.names == ("nose", "tail") and reading.digest
    places, _ = reading.read(torch.randn(3, 5, 4, 4))
    assert places.shape == (3, 2, 2)


def test_an_absent_reading_says_so(tmp_path):
    with pytest.raises(MissingWeights, match="the keypoint reading in"):
        KeypointConfig(model=str(tmp_path)).check_available("cpu")


def test_a_reading_of_single_tokens_is_refused_by_its_shape(tmp_path):
    save_file({"weight": torch.randn(2, 5)}, tmp_path / FILE, {"keypoints": "nose tail", "vit": "abc"})
    with pytest.raises(MissingWeights, match=r"is \[2, 5\]"):
        KeypointConfig(model=str(tmp_path)).check_available("cpu")


def test_tokens_of_another_transformer_are_refused():
    vit = VitConfig().build(torch.device("cpu"))
    KeypointConfig().build(torch.device("cpu")).check_vit(vit)
    with pytest.raises(MissingWeights, match="taught with"):
        KeypointReading(torch.zeros(1, 192, 3, 3), ("nose",), "0" * 64, "").check_vit(vit)
