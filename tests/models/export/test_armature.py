"""One tree of bones with standard names, mirrored, inside the animal."""

import numpy as np
import pytest

from models.export.armature import build_armature
from models.export.landmarks import measure
from tests.models.export.farm_animals import HEIGHTS, rigged

NAMES = {
    "root", "pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "neck_02", "head", "tail_01", "tail_02", "tail_03",
    *(f"{bone}_{side}" for bone in ("clavicle", "upperarm", "lowerarm", "hand", "fingers") for side in "lr"),
    *(f"{bone}_{side}" for bone in ("thigh", "calf", "foot", "ball") for side in "lr"),
}  # fmt: skip


@pytest.mark.parametrize("animal", HEIGHTS)
def test_bones_have_standard_names_and_parents_come_first(animal: str) -> None:
    armature = rigged(animal).armature
    assert set(armature.names) == NAMES and len(armature.names) == len(NAMES)
    assert armature.parents[0] == -1 and all(0 <= parent < bone for bone, parent in enumerate(armature.parents) if bone)


@pytest.mark.parametrize("animal", HEIGHTS)
def test_left_is_the_mirror_image_of_right(animal: str) -> None:
    armature = rigged(animal).armature
    for name in NAMES:
        if name.endswith("_l"):
            left, right = armature.heads[armature.index(name)], armature.heads[armature.index(f"{name[:-1]}r")]
            assert left[0] > 0
            np.testing.assert_allclose(left, right * (-1, 1, 1), atol=1e-6)


@pytest.mark.parametrize("animal", HEIGHTS)
def test_joints_are_within_the_animal_from_bottom_to_top(animal: str) -> None:
    made = rigged(animal)
    heads, low, high = made.armature.heads[1:], made.landmarks.vertices.min(0), made.landmarks.vertices.max(0)
    assert (heads > low).all() and (heads < high).all()
    for limb in made.armature.limbs:
        heights = made.armature.heads[list(limb.bones), 1]
        assert (np.diff(heights) < 0).all()


def test_frames_are_rotations_along_the_bones() -> None:
    armature = rigged("horse").armature
    turns = armature.frames[1:, :3, :3]
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.tile(np.eye(3), (len(turns), 1, 1)), atol=1e-9)
    assert (np.linalg.det(turns) > 0).all()
    along = armature.tails[1:] - armature.heads[1:]
    np.testing.assert_allclose((turns[..., 1] * along).sum(1), np.linalg.norm(along, axis=1))


@pytest.mark.parametrize(("legs", "bones"), [(0, 11), (2, 19), (4, 29)])
def test_fewer_legs_are_fewer_bones(legs: int, bones: int) -> None:
    points = np.random.default_rng(0).normal(size=(500, 3)) * (0.5, 0.5, 1)
    armature = build_armature(measure(points, legs, 1.0))
    assert len(armature.names) == len(set(armature.names)) == bones
