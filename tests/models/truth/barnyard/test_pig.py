import numpy as np

from models.truth.barnyard.pig import pig
from models.truth.barnyard.rig import FORE, HEAD, KEYPOINTS


def test_a_pig_has_short_legs_next_to_no_neck_and_a_curl_of_a_tail():
    joints = pig().joints
    assert np.linalg.norm(joints[HEAD] - joints[4]) < 0.7
    assert joints[FORE, 1] - min(solid.end[1] for solid in pig().solids) < 1.3
    tail = [solid.end for solid in pig().solids if solid.part == "tail"]
    # It goes back, up, and forward again.
    assert tail[-1][2] > min(point[2] for point in tail) + 0.2


def test_the_snout_ends_in_a_disc_wider_than_itself():
    *snout, disc = [solid for solid in pig().solids if solid.part == "muzzle"]
    assert disc.radii[0] > max(snout[-1].radii) and disc.squash < 0.5 and disc.normal[2] == 1


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(pig().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = pig()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
