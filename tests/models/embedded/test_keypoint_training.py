import pytest
import torch

from models.embedded.keypoint_training import KeypointTraining, fit_reading, read_tokens, reading_error, train_keypoints
from models.embedded.photo_set import load_pictures, render_pictures
from models.features.keypoint_reading import KeypointConfig
from models.features.vit import VitConfig

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    render_pictures(folder, 16, 64, species=("pig",))
    return load_pictures(folder, 16, species=("pig",))


def test_a_channel_that_peaks_at_a_point_is_read():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(48, 6, 8, 8, generator=generator).half()
    places = torch.randint(1, 7, (48, 2), generator=generator)
    tokens[torch.arange(48), 3, places[:, 1], places[:, 0]] += 8
    known = ((2 * places + 1) / 8 - 1)[:, None]
    weight = fit_reading(KeypointTraining(steps=150), tokens, known)
    assert reading_error(weight, tokens, known) < 0.05 < reading_error(0 * weight, tokens, known)


def test_keypoints_lie_in_their_crops_and_a_folder_comes_of_it(pictures, tmp_path):
    vit = VitConfig().build(CPU)
    tokens, known = read_tokens(16, pictures, vit)
    assert tokens.shape == (16, vit.channels, 8, 8) and (known.abs() < 1.3).float().mean() > 0.95
    train_keypoints(KeypointTraining(photos=16, steps=5), pictures, vit, tmp_path / "keypoints")
    reading = KeypointConfig(model=str(tmp_path / "keypoints")).build(CPU)
    reading.check_vit(vit)
    assert len(reading.names) == known.shape[1]
