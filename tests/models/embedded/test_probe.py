import numpy as np

from models.embedded.fitting import Recipe
from models.embedded.probe import judge, train_probe


def test_it_knows_the_photos_it_has_seen(pictures, tmp_path):
    recipe = Recipe(steps=40, batch=12, rate=3e-3, average=0.8)
    species, view = judge(train_probe(pictures, tmp_path / "probe.pt", recipe), pictures.image)
    assert np.mean(species == pictures.category) >= 0.8 and np.mean(view == pictures.view) >= 0.6
