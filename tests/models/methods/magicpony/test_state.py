import pytest
import torch

from models.geometry.cameras import look_at
from models.methods.magicpony.state import Alternatives


def test_every_hypothesis_has_a_score_and_a_verdict() -> None:
    cameras = look_at(torch.zeros(8), torch.zeros(8))
    assert Alternatives(torch.zeros(2, 4), torch.zeros(2, 4), cameras).score.shape == (2, 4)
    with pytest.raises(TypeError, match="ruled_out"):
        Alternatives(torch.zeros(2, 4), torch.zeros(2, 3), cameras)
