from models.truth.barnyard.rig import HEAD, KEYPOINTS
from models.truth.barnyard.sheep import sheep


def test_a_sheep_wears_wool_but_not_on_face_and_legs():
    fluffy = {solid.part for solid in sheep().solids if solid.fluff}
    assert fluffy == {"torso", "tail"}
    assert all(abs(solid.start[1]) < 1 for solid in sheep().solids if solid.bone == HEAD)


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(sheep().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = sheep()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
