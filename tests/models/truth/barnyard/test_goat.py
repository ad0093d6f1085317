from models.truth.barnyard.goat import goat
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_a_goat_has_a_beard_and_horns_that_curve_back():
    solids = goat().solids
    beard = [solid for solid in solids if solid.part == "mane"]
    assert beard and all(solid.bone == HEAD for solid in beard)
    assert beard[-1].end[1] < min(solid.end[1] for solid in solids if solid.part == "muzzle")
    horn = [solid.end for solid in solids if solid.part == "horn"]
    assert horn[-1][2] < horn[0][2] - 0.5 and horn[-1][1] < max(point[1] for point in horn)


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(goat().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = goat()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
