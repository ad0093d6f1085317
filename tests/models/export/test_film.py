"""Films have the frames that were asked for, start where they say and stay on white."""

import numpy as np
import pytest

from models.data.batch import Batch
from models.export.film import relit, strip, turntable, walking
from models.methods.magicpony.reconstruction import AnimalReconstructor
from models.methods.magicpony.state import Prediction


@pytest.fixture(scope="module")
def prediction(reconstructor: AnimalReconstructor, crops: Batch) -> Prediction:
    return reconstructor.predict(crops)


@pytest.mark.parametrize("film", [turntable, relit, walking])
def test_a_film_moves_on_white(film: object, reconstructor: AnimalReconstructor, prediction: Prediction) -> None:
    frames = film(reconstructor, prediction, 32, 6)
    assert (frames.shape, frames.dtype) == ((6, 32, 32, 3), np.uint8)
    assert (frames[:, 0] == 255).all()
    assert all((one != other).any() for one, other in zip(frames, frames[1:], strict=False))


def test_light_moves_and_the_animal_does_not(reconstructor: AnimalReconstructor, prediction: Prediction) -> None:
    outline = (relit(reconstructor, prediction, 32, 4) != 255).any(-1)
    assert (outline[0] != outline[2]).mean() < 0.02


def test_a_strip_starts_with_the_photo(reconstructor: AnimalReconstructor, crops: Batch) -> None:
    strips = strip(reconstructor, crops, 48)
    assert strips.shape == (3, 48, 6 * 48, 3)
    np.testing.assert_allclose(strips[:, :, :48], (crops.image * 255).numpy(), atol=0.51)
