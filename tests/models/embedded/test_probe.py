import numpy as np

from models.embedded.fitting import FitConfig
from models.embedded.probe import judge, train_probe
from models.engine.loop import NoCheckpoints


def test_it_knows_the_photos_it_has_seen(pictures):
    recipe = FitConfig(steps=40, batch=12, rate=3e-3, ema_decay=0.8)
    species, view = judge(train_probe(pictures, NoCheckpoints(), recipe), pictures.image)
    assert np.mean(species == pictures.category) >= 0.8 and np.mean(view == pictures.view) >= 0.6
