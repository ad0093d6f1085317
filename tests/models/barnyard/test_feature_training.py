import numpy as np
import torch

from models.barnyard.feature_training import FeatureTraining, pick, train_features
from models.barnyard.fitting import Recipe
from models.barnyard.pictures import merged_parts
from models.features import VitConfig

TINY = FeatureTraining(width=64, layers=2, sizes=(32, 64), recipe=Recipe(steps=40, batch=6, rate=2e-3, average=0.9))


def test_tokens_tell_the_animal_from_the_ground(pictures, tmp_path):
    train_features(TINY, pictures, tmp_path / "vit", tmp_path / "work")
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
    image, part = pick(pictures, table, None, 4, torch.Generator().manual_seed(0))
    assert image.shape == (4, 3, 64, 64) and part.max() < len(names)
    _, versions = pick(pictures, table, np.zeros_like(pictures.image[:1]), 4, torch.Generator().manual_seed(0))
    assert torch.equal(versions[0], versions[1])
