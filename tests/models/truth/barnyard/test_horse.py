from models.truth.barnyard.horse import horse
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_a_horse_has_a_mane_and_carries_its_head_high():
    names = {solid.part for solid in horse().solids}
    assert "mane" in names
    assert not {"horn", "udder"} & names
    joints = horse().joints
    assert joints[HEAD, 1] - joints[4, 1] > joints[HEAD, 2] - joints[4, 2]


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(horse().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = horse()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
