import json
import shutil

import pytest
import torch

from models.core.errors import MissingWeights
from models.core.weights import REPOSITORY
from models.geometry.body import load_body
from tasks.inference.body_fit import _find_body, fit_body_to_joints, read_joints

HUMAN = load_body("weights/bodies/human")


def picture(tmp_path, **changes):
    """A person who stands upright, from the front, 200 pixels to a metre."""
    rest = HUMAN.rest_joints(torch.zeros(1, HUMAN.shapes))[0] * 200
    joints = {
        name: [300 + float(x), 300 - float(y)] for name, (x, y, _) in zip(HUMAN.joints, rest.tolist(), strict=True)
    }
    file = tmp_path / "person.json"
    file.write_text(json.dumps({"width": 600, "height": 600, "joints": joints} | changes))
    return file


def test_a_person_stands_up_as_high_as_people_are(tmp_path):
    asset, miss = fit_body_to_joints(picture(tmp_path), "human", 1.0)
    assert asset.name == "person" and 1.4 < asset.posed[:, 1].max() < 2.1 and miss < 0.03
    assert list(asset.clips) == ["photo"] and asset.bones[1] == "pelvis"


@pytest.mark.parametrize("text", ["", "[1]", '{"width": 1, "height": 1}', '{"width": 0, "height": 1, "joints": {}}'])
def test_a_file_of_another_kind_is_answered_with_an_example(tmp_path, text):
    file = tmp_path / "joints.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"joints.json: is no file of joints .*write one as \{\"width\": 640"):
        read_joints(file)


def test_joints_of_another_body_name_the_file_and_the_option(tmp_path):
    file = picture(tmp_path, joints={"left_fore_hoof": [1, 1]})
    says = "person.json: joints left_fore_hoof are those of another .*; --body is human, give that of the joints"
    with pytest.raises(ValueError, match=says):
        fit_body_to_joints(file, "human", 1.0)
    with pytest.raises(ValueError, match="a body is fitted to at least 4") as error:
        fit_body_to_joints(picture(tmp_path, joints={"nose": [1, 1]}), "human", 1.0)
    assert "--body" not in str(error.value), "the body is the right one"


@pytest.mark.parametrize("name", ["unicorn", "./unicorn", "weights/bodies/unicorn", "/none/body.safetensors"])
def test_a_body_that_nobody_made_is_answered_with_the_option_and_those_there_are(tmp_path, name):
    says = f"--body {name}: there is no such body; give cow, horse, human or sheep, or the path of a folder with body.s"
    with pytest.raises(MissingWeights, match=says):
        fit_body_to_joints(picture(tmp_path), name, 1.0)


def test_a_body_is_given_by_its_name_its_folder_or_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REPOSITORY / "weights/bodies/human", "mine")
    for name in ("human", "weights/bodies/human", "mine", "./mine", "mine/body.safetensors"):
        assert load_body(_find_body(name)).joints == HUMAN.joints


@pytest.mark.parametrize(("name", "above", "below"), [("cow", "withers", "hoof"), ("person", "nose", "ankle")])
def test_the_samples_of_joints_stand_upright(name, above, below):
    joints = read_joints(REPOSITORY / "samples" / f"{name}-joints.json").joints
    lower = [point[1] for joint, point in joints.items() if below in joint]
    assert lower and all(joints[above][1] < y for y in lower), "rows of a picture are counted from its top"
