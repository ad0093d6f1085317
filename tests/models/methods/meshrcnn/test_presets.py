from models.methods.meshrcnn.config import MeshRcnnConfig
from models.methods.meshrcnn.presets import PRESETS


def test_smoke_is_small_and_paper_has_the_constants_of_the_paper():
    smoke, laptop, paper = (MeshRcnnConfig.preset(scale) for scale in ("smoke", "laptop", "paper"))
    assert smoke.training.steps < 20 and smoke.lessons < 10
    assert laptop == MeshRcnnConfig() and laptop.predictor.grid == 24 and laptop.predictor.stages == 3
    assert (paper.predictor.grid, paper.training.batch, paper.training.points) == (48, 64, 5000)
    assert all(MeshRcnnConfig.preset(scale).predictor.threshold == 0.2 for scale in PRESETS)
