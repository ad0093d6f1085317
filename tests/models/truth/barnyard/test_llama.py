from models.truth.barnyard.llama import llama
from models.truth.barnyard.rig import HEAD, KEYPOINTS


def test_a_llama_has_a_long_upright_neck():
    joints = llama().joints
    neck = joints[HEAD] - joints[4]
    assert neck[1] > 3 * neck[2] and neck[1] > 1.5


def test_it_is_woolly_but_for_face_and_lower_legs():
    fluffy = {solid.part for solid in llama().solids if solid.fluff}
    assert fluffy == {"torso", "neck", "tail"}


def test_landmarks_name_the_left_and_central_keypoints():
    assert set(llama().landmarks) == {name for name in KEYPOINTS if not name.startswith("right")}


def test_solids_lie_in_the_left_half_and_the_head_in_front():
    average = llama()
    assert all(max(solid.start[0], solid.end[0]) >= 0 for solid in average.solids)
    assert average.joints[HEAD, 2] == average.joints[:, 2].max()
