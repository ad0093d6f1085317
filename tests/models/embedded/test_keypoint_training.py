import pytest
import torch

from models.embedded import keypoint_training
from models.embedded.keypoint_training import KeypointTraining, fit_reading, read_tokens, reading_error, train_keypoints
from models.embedded.photo_set import load_pictures, render_pictures
from models.features.keypoint_reading import KeypointConfig, centres, heat_maps
from models.features.vit import VitConfig
from models.truth.barnyard.rig import OPPOSITE_KEYPOINT

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
    sharp, soft = (fit_reading(KeypointTraining(steps=200, weight_decay=decay), tokens, known) for decay in (0.0, 1.0))
    assert reading_error(sharp, tokens, known) < 0.05 < reading_error(0 * sharp, tokens, known)
    trust = [centres(heat_maps(weight, tokens.float()))[1].mean() for weight in (sharp, soft)]
    assert trust[1] < trust[0] - 0.1, "decayed weights spread their maps"


def mirror(known):
    return known[:, list(OPPOSITE_KEYPOINT)] * torch.tensor((-1.0, 1.0))


def test_a_photo_that_judges_has_not_taught_its_mirror_image(pictures, tmp_path, monkeypatch):
    taught = []
    monkeypatch.setattr(keypoint_training, "fit_reading", lambda *given: taught.append(given[2]) or fit_reading(*given))
    train_keypoints(KeypointTraining(photos=16, steps=1), pictures, VitConfig().build(CPU), tmp_path / "keypoints")
    assert len(taught[0]) == 28 and torch.equal(taught[0][1::2], mirror(taught[0][::2]))


def test_keypoints_lie_in_their_crops_and_a_folder_comes_of_it(pictures, tmp_path, monkeypatch):
    vit = VitConfig().build(CPU)
    tokens, known = read_tokens(16, pictures, vit)
    assert tokens.shape == (32, vit.channels, 8, 8) and (known.abs() < 1.3).float().mean() > 0.95
    assert torch.equal(known[1::2], mirror(known[::2]))
    train_keypoints(KeypointTraining(photos=16, steps=5), pictures, vit, tmp_path / "keypoints")
    reading = KeypointConfig(model=str(tmp_path / "keypoints")).build(CPU)
    reading.check_vit(vit)
    assert len(reading.names) == known.shape[1]
    monkeypatch.setattr(vit, "tokens", lambda image: (image.permute(0, 3, 1, 2),))
    colours, _ = read_tokens(4, pictures, vit)
    assert torch.equal(colours[1::2], colours[::2].flip(-1))
