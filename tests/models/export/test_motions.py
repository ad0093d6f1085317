"""Loops of whole frames, steps as long as the legs."""

import numpy as np
import pytest

from models.export.motions import DEEPEST, WALK, go, loop_seconds
from tests.models.export.farm_animals import HEIGHTS, rigged


@pytest.mark.parametrize("animal", HEIGHTS)
def test_every_animal_has_every_loop_and_small_ones_step_faster(animal: str) -> None:
    known = rigged(animal).loops()
    assert set(known) == {"idle", "walk", "trot", "graze"}
    assert all(np.isfinite(motion.pose.turns).all() for motion in known.values())
    assert known["trot"].speed > known["walk"].speed > 0 == known["idle"].speed
    assert known["walk"].seconds[-1] == pytest.approx(1.2 * (HEIGHTS[animal] / 1.5) ** 0.5, abs=1 / 12)


def test_a_loop_is_a_whole_number_of_sixths() -> None:
    assert [loop_seconds(seconds) for seconds in (0.01, 1.0, 1.2)] == [1 / 3, 1.0, 7 / 6]


def test_a_film_has_the_frames_it_is_asked_for() -> None:
    motion = go(rigged("cow").body, WALK, 12)
    assert len(motion.seconds) == 13
    np.testing.assert_allclose(motion.pose.turns[0], motion.pose.turns[-1], atol=1e-9)


@pytest.mark.parametrize("animal", HEIGHTS)
def test_an_animal_does_not_crouch_to_walk(animal: str) -> None:
    made = rigged(animal)
    sunk = made.armature.heads[1, 1] - go(made.body, WALK).pose.heads[:, 1, 1]
    assert sunk.max() < (DEEPEST + WALK.bob + 0.01) * HEIGHTS[animal]


def test_animals_without_legs_still_move() -> None:
    known = rigged("cow", legs=0).loops()
    assert all(np.ptp(motion.pose.heads, axis=0).max() > 0 for motion in known.values())
