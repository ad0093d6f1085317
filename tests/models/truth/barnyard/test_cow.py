from models.truth.barnyard.cow import cow
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_a_cow_has_horns_udder_and_a_level_neck():
    names = {solid.part for solid in cow().solids}
    assert {"horn", "udder", "tail"} <= names
    assert "mane" not in names
    joints = cow().joints
    assert joints[HEAD, 1] - joints[4, 1] < 0.6 * (joints[HEAD, 2] - joints[4, 2])


def test_a_cows_tail_hangs_down_from_its_dock():
    tail = [solid for solid in cow().solids if solid.part == "tail"]
    assert len(tail) > 3 and all(solid.end[1] < solid.start[1] for solid in tail)


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(cow().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = cow()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
