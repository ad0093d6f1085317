from models.truth.barnyard.cow import cow
from models.truth.barnyard.deer import deer
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_antlers_branch_and_reach_far_above_the_head():
    antlers = [solid for solid in deer().solids if solid.part == "horn"]
    starts, ends = ({tuple(getattr(solid, side)) for solid in antlers} for side in ("start", "end"))
    assert len(ends - starts) == 4  # a tip of the beam, and three tines
    assert max(solid.end[1] for solid in antlers) > deer().joints[HEAD, 1] + 1


def test_a_deer_stands_high_on_legs_thinner_than_a_cows():
    thinnest = {
        animal: min(min(solid.radii) for solid in animal().solids if "leg" in solid.part) for animal in (deer, cow)
    }
    assert thinnest[deer] < 0.75 * thinnest[cow]


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(deer().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = deer()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
