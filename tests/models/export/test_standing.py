"""Who stands keeps its hooves where they are, and grazes with its head low."""

import numpy as np
import pytest

from models.export.standing import graze, idle
from tests.models.export.farm_animals import rigged


@pytest.mark.parametrize("animal", ("cow", "horse"))
def test_who_grazes_has_the_head_low(animal: str) -> None:
    made = rigged(animal)
    head = made.weights[:, made.armature.index("head")] > 0.9
    standing, grazing = (made.vertices(motion(made.body).pose)[:, head, 1].min() for motion in (idle, graze))
    assert grazing < 0.6 * standing


def test_no_hoof_moves_and_the_loop_closes() -> None:
    made = rigged("cow")
    for motion in (idle(made.body), graze(made.body)):
        for limb in made.armature.limbs:
            assert np.ptp(motion.pose.heads[:, limb.hoof], axis=0).max() < 1e-9
        np.testing.assert_allclose(motion.pose.turns[0], motion.pose.turns[-1], atol=1e-9)
        assert motion.speed == 0 and motion.seconds[-1] == 4
