import numpy as np
import torch

from models.export.photo_trust import EDGE
from models.geometry.smoothstep import smoothstep


def test_smoothstep_goes_from_0_to_1() -> None:
    np.testing.assert_allclose(smoothstep(np.array((-1.0, 2.0, 3.0, 4.0, 9.0)), 2.0, 4.0), (0, 0, 0.5, 1, 1))


def test_it_is_the_same_of_arrays_and_tensors() -> None:
    values = np.array((-1, EDGE[0], sum(EDGE) / 2, EDGE[1], 2))
    np.testing.assert_allclose(smoothstep(values, *EDGE), (0, 0, 0.5, 1, 1), atol=1e-9)
    assert torch.equal(smoothstep(torch.tensor(values), *EDGE), torch.tensor(smoothstep(values, *EDGE)))
