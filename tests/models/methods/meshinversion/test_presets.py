from models.methods.meshinversion.config import MeshInversionConfig
from models.methods.meshinversion.presets import PRESETS
from models.methods.meshinversion.refine import SearchConfig


def test_smoke_is_small_and_paper_has_the_constants_of_the_paper():
    smoke, laptop, paper = (MeshInversionConfig.preset(scale) for scale in ("smoke", "laptop", "paper"))
    assert smoke.training.steps < 10 and smoke.lessons < 10
    assert laptop == MeshInversionConfig(search=SearchConfig(texture="l1"))
    assert {m.search.texture for m in (smoke, paper)} == {"chamfer"}
    assert (paper.training.batch, paper.generator.texels, paper.generator.symmetric) == (128, 512, "both")
    assert (smoke.lessons, paper.lessons) == (6, 6000), "as many as CUB has photos to train from"
    assert (paper.training.rate, paper.training.discriminator_rate, paper.training.decay) == (1e-4, 4e-4, 0.999)
    assert (paper.search.starts, paper.search.steps, paper.search.points) == (500, 50, 8192)
    every = [MeshInversionConfig.preset(scale) for scale in PRESETS]
    assert all(method.training.discriminator_steps == 2 and method.losses.picture == 0.2 for method in every)
    weights = {(m.search.pixel, m.search.feature, m.search.mask, m.search.flat, m.search.prior) for m in every}
    assert weights == {(1.0, 0.04, 10.0, 0.0, 0.05)}
