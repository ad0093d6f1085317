import pytest
import torch

from models.embedded.feature_training import FeatureTraining, keypoint_error, sample_training_batch, train_features
from models.embedded.fitting import FitConfig
from models.embedded.part_loss import merged_parts
from models.engine.loop import NoCheckpoints
from models.features import VitConfig

TINY = FeatureTraining(
    width=64, layers=2, sizes={0.0: (32, 64)}, recipe=FitConfig(steps=40, batch=6, rate=2e-3, ema_decay=0.9)
)


def test_tokens_tell_the_animal_from_the_ground(pictures, tmp_path):
    train_features(TINY, pictures, tmp_path / "vit", NoCheckpoints())
    vit = VitConfig(model=str(tmp_path / "vit")).build(torch.device("cpu"))
    out, _ = vit.tokens(torch.from_numpy(pictures.image).float() / 255)
    tokens = torch.nn.functional.normalize(out, dim=1).permute(0, 2, 3, 1).flatten(0, 2)
    animal = torch.from_numpy(pictures.part > 0).view(6, 8, 8, 8, 8).float().mean((2, 4)).flatten() > 0.5
    # Nearest neighbour among the other pictures' tokens.
    alike = tokens @ tokens.mT
    for picture in range(6):
        own = slice(64 * picture, 64 * picture + 64)
        alike[own, own] = -1
    assert (animal[alike.argmax(1)] == animal).float().mean() > 0.65


def test_left_and_right_are_learnt_as_one(pictures):
    names, table = merged_parts()
    image, part, _ = sample_training_batch(pictures, table, 4, torch.Generator().manual_seed(0))
    assert image.shape == (4, 3, 64, 64) and part.max() < len(names)


def test_pictures_grow_over_the_training():
    config = FeatureTraining(recipe=FitConfig(steps=100))
    sizes = [config.size(step) for step in range(100)]
    assert set(sizes[:35]) == {64} and set(sizes[35:60]) == {64, 96} and set(sizes[60:]) == {64, 96, 128}


def test_heat_in_one_patch_is_a_keypoint_in_its_middle():
    heat = torch.zeros(1, 16, 2)
    heat[0, 6] = 50.0
    middle = torch.tensor([0.25, -0.25])
    assert keypoint_error(heat, middle.expand(1, 2, 2)) < 1e-5
    away = torch.stack((middle, middle + torch.tensor([0.3, 0.4])))[None]
    assert keypoint_error(heat, away).item() == pytest.approx(0.25, abs=1e-5)


def test_keypoints_outside_the_picture_are_not_asked_for():
    heat, outside = torch.zeros(1, 16, 2, requires_grad=True), torch.tensor([[[1.5, 0.0], [0.0, -1.2]]])
    error = keypoint_error(heat, outside)
    error.backward()
    assert error == 0 and not heat.grad.any()


def test_keypoints_belong_to_the_pictures(pictures):
    _, table = merged_parts()
    index = torch.randint(6, (4,), generator=torch.Generator().manual_seed(0))
    _, _, keypoints = sample_training_batch(pictures, table, 4, torch.Generator().manual_seed(0))
    assert torch.equal(keypoints, torch.from_numpy(pictures.keypoints)[index][..., :2])
