"""Films have the frames that were asked for, start where they say and stay on white."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.batch import Batch
from models.export.film import SIDE, films, framed, on_white, relit, strip, studio, turntable, walking
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from tests.models.rendering.test_reconstruction import Pictures


@pytest.fixture(scope="module")
def animals(reconstructor: AnimalReconstructor, crops: Batch) -> AnimalReconstruction:
    return reconstructor.predict(crops)


@pytest.mark.parametrize("film", [turntable, relit, walking])
def test_a_film_moves_on_white(film: object, animals: AnimalReconstruction) -> None:
    frames = film(animals, 32, 6)
    assert (frames.shape, frames.dtype) == ((6, 32, 32, 3), np.uint8)
    assert (frames[:, 0] == 255).all()
    assert all((one != other).any() for one, other in zip(frames, frames[1:], strict=False))


def test_light_moves_and_the_animal_does_not(animals: AnimalReconstruction) -> None:
    outline = (relit(animals, 32, 4) != 255).any(-1)
    assert (outline[0] != outline[2]).mean() < 0.02


def test_a_strip_starts_with_the_photo(animals: AnimalReconstruction, crops: Batch) -> None:
    strips = strip(animals, crops, 48)
    assert strips.shape == (3, 48, 6 * 48, 3)
    np.testing.assert_allclose(strips[:, :, :48], (crops.image * 255).numpy(), atol=0.51)


def test_the_second_picture_of_a_strip_is_the_reconstruction_from_the_photos_side(
    animals: AnimalReconstruction, crops: Batch
) -> None:
    np.testing.assert_array_equal(strip(animals, crops, 48)[:, :, 48:96], on_white(animals.render(48)))


def test_an_animal_has_every_film_under_its_name(animals: AnimalReconstruction) -> None:
    known = films(animals)
    assert set(known) == {"turntable", "walk", "relit"}
    by_name = {"turntable": turntable, "walk": walking, "relit": relit}
    assert all((known[name](16, 3) == film(animals, 16, 3)).all() for name, film in by_name.items())


def test_a_turntable_starts_at_the_photos_side(animals: AnimalReconstruction) -> None:
    first = animals.pick(0)
    camera = framed(first, first.camera.azimuth)
    expected = on_white(first.render(32, camera, studio(1)))
    assert np.abs(turntable(animals, 32, 4)[:1].astype(int) - expected).max() <= 1


def test_every_camera_sees_its_whole_animal(animals: AnimalReconstruction) -> None:
    for azimuth in (0.0, 1.0, 2.5):
        camera = framed(animals, torch.full((3,), azimuth))
        for row in range(3):
            corners = camera.project(animals.mesh(row).vertices.expand(3, -1, -1))[row]
            assert corners.abs().max() < 1


def test_an_answer_without_surface_and_camera_is_seen_from_its_right_side() -> None:
    answer = Pictures(2)
    assert turntable(answer, 16, 3).shape == (3, 16, 16, 3)
    assert strip(answer, _photos(), 16).shape == (2, 16, 96, 3)
    camera = framed(answer, torch.full((2,), SIDE))
    assert camera.azimuth.tolist() == pytest.approx([SIDE] * 2)


def test_a_walk_leaves_the_answer_as_it_was(animals: AnimalReconstruction) -> None:
    before = replace(animals)
    walking(animals, 16, 3)
    assert torch.equal(before.angles(), animals.angles()) and torch.equal(
        before.mesh(0).vertices, animals.mesh(0).vertices
    )


def _photos() -> Batch:
    image = torch.zeros(2, 16, 16, 3)
    mask = torch.ones(2, 16, 16)
    return Batch(image, mask, mask, None, torch.tensor([-1, -1]), torch.arange(2))
