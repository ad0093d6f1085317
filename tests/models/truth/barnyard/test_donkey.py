from models.truth.barnyard.donkey import donkey
from models.truth.barnyard.horse import horse
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_a_donkeys_ears_are_twice_a_horses():
    length = {
        animal: max(solid.end[1] for solid in animal().solids if solid.part == "ear") - animal().joints[HEAD, 1]
        for animal in (donkey, horse)
    }
    assert length[donkey] > 1.9 * length[horse]


def test_it_has_a_mane_along_the_neck_and_a_tuft_at_the_tail():
    assert {4, 5, 6} <= {solid.bone for solid in donkey().solids if solid.part == "mane"}
    *tail, tuft = [max(solid.radii) for solid in donkey().solids if solid.part == "tail"]
    assert tuft > 1.5 * tail[2]


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(donkey().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = donkey()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
