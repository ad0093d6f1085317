from models.truth.barnyard.dog import dog
from models.truth.barnyard.rig import DOCK, HEAD, KEYPOINTS


def test_a_dog_holds_its_tail_up_and_its_belly_is_tucked():
    tail = [solid.end[1] for solid in dog().solids if solid.part == "tail"]
    assert tail == sorted(tail) and tail[-1] > dog().joints[DOCK, 1] + 0.8
    loin, chest = (
        min(solid.end[1] - solid.radii[1] for solid in dog().solids if solid.part == "torso" and solid.bone == bone)
        for bone in (1, 3)
    )
    assert loin > chest + 0.1


def test_the_muzzle_is_set_off_from_a_wide_forehead():
    head, muzzle = ([solid for solid in dog().solids if solid.part == part] for part in ("head", "muzzle"))
    assert max(solid.radii[0] for solid in head) > 1.5 * max(solid.radii[0] for solid in muzzle)


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(dog().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = dog()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
