"""Any animal is set on its feet, and its legs are found where they are."""

import numpy as np
import pytest

from models.export.landmarks import measure
from models.truth.barnyard.anatomy import body
from tests.models.export.farm_animals import HEIGHTS, rigged


@pytest.mark.parametrize("animal", HEIGHTS)
def test_all_four_feet_are_on_the_ground(animal: str) -> None:
    landmarks = rigged(animal).landmarks
    for leg in landmarks.legs:
        near = (np.sign(landmarks.vertices[:, 0]) == leg.side) & (
            np.abs(landmarks.vertices[:, 2] - leg.hoof[2]) < 0.2 * landmarks.withers
        )
        assert landmarks.vertices[near, 1].min() == pytest.approx(0, abs=1e-6)
    assert landmarks.vertices[:, 1].min() > -1e-6
    assert [(leg.side, leg.fore) for leg in landmarks.legs] == [(1, True), (1, False), (-1, False), (-1, True)]


def test_a_short_fore_leg_is_levelled_and_the_shape_stays() -> None:
    animal = body("horse", 3)
    lame = animal.vertices - np.array((0, 1, 0)) * 0.1 * animal.vertices[:, 2:]
    straight, levelled = measure(animal.vertices, 4, 1.6), measure(lame, 4, 1.6)
    np.testing.assert_allclose(levelled.vertices, straight.vertices, atol=0.05)
    assert levelled.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("animal", HEIGHTS)
def test_the_back_is_as_high_as_asked(animal: str) -> None:
    landmarks = rigged(animal).landmarks
    assert landmarks.back(landmarks.fore) == pytest.approx(HEIGHTS[animal], rel=0.03)
    assert 0.15 < landmarks.belly / landmarks.withers < 0.75
    assert landmarks.fore == -landmarks.hind > 0.2 * landmarks.withers


@pytest.mark.parametrize("legs", [0, 2, 4])
def test_a_ball_has_landmarks_too(legs: int) -> None:
    points = np.random.default_rng(0).normal(size=(800, 3))
    landmarks = measure(points / np.linalg.norm(points, axis=1, keepdims=True), legs, 1.0)
    assert len(landmarks.legs) == legs
    assert np.isfinite(landmarks.vertices).all()
