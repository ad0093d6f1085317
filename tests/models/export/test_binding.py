"""What carries the skin: hooves are rigid, legs keep to their side, nothing jumps."""

import numpy as np
import pytest

from models.export.binding import bind, subtract_fifth
from models.truth.barnyard.anatomy import body
from tests.models.export.farm_animals import HEIGHTS, rigged


@pytest.mark.parametrize("animal", HEIGHTS)
def test_a_hoof_is_rigid_and_of_its_own_leg(animal: str) -> None:
    made = rigged(animal)
    vertices = made.landmarks.vertices
    for leg, limb in zip(made.landmarks.legs, made.armature.limbs, strict=True):
        sole = (vertices[:, 1] < 0.02 * made.landmarks.withers) & (
            np.linalg.norm(vertices - leg.hoof, axis=1) < 0.1 * made.landmarks.withers
        )
        assert sole.any()
        np.testing.assert_allclose(made.weights[sole, limb.hoof], 1, atol=0.02)


@pytest.mark.parametrize("animal", HEIGHTS)
def test_no_leg_holds_the_other_side(animal: str) -> None:
    made = rigged(animal)
    for limb in made.armature.limbs:
        across = limb.side * made.landmarks.vertices[:, 0] < -0.05 * made.landmarks.withers
        assert made.weights[across][:, limb.bones].sum(1).max() < 0.05


def test_weights_do_not_jump_along_an_edge() -> None:
    made, faces = rigged("cow"), body("cow", 3).faces
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]]))
    jump = np.abs(made.weights[edges[:, 0]] - made.weights[edges[:, 1]]).sum(1) / 2
    assert np.quantile(jump, 0.99) < 0.35


def test_four_bones_are_kept_and_a_fifth_comes_without_a_jump() -> None:
    weights = np.array([[0.3, 0.25, 0.2, 0.15, 0.1, 0.0], [0.4, 0.3, 0.2, 0.05, 0.05, 0.0]])
    kept = subtract_fifth(weights)
    assert ((kept > 0).sum(1) <= 4).all()
    np.testing.assert_allclose(kept.sum(1), 1)
    assert kept[1, 3] == kept[1, 4] == 0, "of equals none is preferred"
    nudged = subtract_fifth(weights + np.array((0, 0, 0, -1e-6, 1e-6, 0)))
    np.testing.assert_allclose(nudged, kept, atol=1e-4)


def test_a_ball_without_legs_hangs_on_its_spine() -> None:
    made = rigged("cow", legs=0)
    assert made.weights.shape[1] == 11
    assert np.isfinite(bind(made.landmarks, body("cow", 3).faces, made.armature)).all()
