import json

import numpy as np
import pytest
import trimesh
from PIL import Image

from models.core.errors import MissingWeights
from storage.formats.meshes import plain_obj, read_mesh
from storage.runs.scores import START
from tasks.inference import loading
from tasks.inference import select as answer
from tasks.inference import user_evaluation as foreign
from tasks.inference.user_evaluation import evaluate_folder
from tests.tasks.material import CROPS, Drawn, Red


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(answer, "cached_model", lambda config, where: Red())


@pytest.fixture
def folder(tmp_path):
    for seed in (1, 2):
        photo = Drawn().draw(seed, blank=False)
        Image.fromarray(photo).save(tmp_path / f"cow{seed}.png")
    return tmp_path


def metrics(found):
    return {row.metric: row.scores["tiny"] for row in found.rows if "tiny" in row.scores}


def test_photos_alone_are_judged_by_their_masks(folder, release):
    found = metrics(evaluate_folder(folder, "cow", release.root, "cpu")[0])
    assert found["mask IoU"].count == 2 and "Chamfer distance" not in found


def test_a_given_mask_is_believed(folder, release):
    mask = np.zeros((48, 48), np.uint8)
    mask[10:20, 10:40] = 255
    Image.fromarray(mask).save(folder / "cow1.mask.png")
    found, skipped = evaluate_folder(folder, "cow", release.root, "cpu")
    assert metrics(found)["mask IoU"].count == 2 and not skipped


def test_a_given_mesh_and_keypoints_are_compared(folder, release):
    trimesh.creation.icosphere(subdivisions=2).export(folder / "cow1.obj")
    for seed in (1, 2):
        points = {"keypoints": [[20, 20], [30, 25]], "seen": [True, True]}
        (folder / f"cow{seed}.json").write_text(json.dumps(points))
    found = metrics(evaluate_folder(folder, "cow", release.root, "cpu")[0])
    assert found["Chamfer distance"].count == 1 and "keypoint transfer PCK" in found


def example_of(folder, said):
    (folder / "cow1.json").write_text(json.dumps(said))
    found, skipped = foreign.read_examples(folder, CROPS, 32, "cpu")
    assert not skipped
    return found[0]


def test_the_centre_of_the_box_is_the_middle_of_the_crop(folder):
    photo = np.asarray(Image.open(folder / "cow1.png"))
    box = answer.crop_photo(photo, CROPS, "cpu").box
    corner = (box.left, box.top)
    middle = (box.left + box.width / 2, box.top + box.height / 2)
    example = example_of(folder, {"keypoints": [middle, corner], "seen": [True, False]})
    assert example.keypoints.tolist() == [[0, 0], [-1, -1]] and example.seen.tolist() == [True, False]
    assert example.azimuth is None


def test_an_azimuth_is_taken_in_degrees_without_keypoints_too(folder):
    example = example_of(folder, {"azimuth": -90})
    assert example.azimuth == pytest.approx(-np.pi / 2) and example.keypoints is None


def test_a_given_azimuth_is_measured(folder, release):
    (folder / "cow2.json").write_text('{"azimuth": 30}')
    found = metrics(evaluate_folder(folder, "cow", release.root, "cpu")[0])
    assert found["azimuth error"].count == 1


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"azimuth": 361}', '{"keypoints": 3}', '{"keypoints": [[1, 2]]}', '{"azimuth": 1, "visible": []}'],
)
def test_wrong_keypoints_are_named(folder, release, text):
    (folder / "cow1.json").write_text(text)
    found, (reason,) = evaluate_folder(folder, "cow", release.root, "cpu")
    assert reason.startswith("cow1.png: ") and 'cow1.json: is not {"keypoints"' in reason
    assert metrics(found)["mask IoU"].count == 1


def test_photos_of_sub_folders_are_judged_too(folder, release):
    (folder / "herd").mkdir()
    (folder / "herd" / "cow1.png").write_bytes((folder / "cow2.png").read_bytes())
    (folder / "herd" / "torn.png").write_bytes(b"torn")
    found, (reason,) = evaluate_folder(folder, "cow", release.root, "cpu")
    assert metrics(found)["mask IoU"].count == 3 and reason.startswith("herd/torn.png: ")


def test_where_nothing_can_be_used_every_reason_is_told(folder, release):
    for seed in (1, 2):
        (folder / f"cow{seed}.png").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"no picture can be used; cow1.png: .*cannot be read.*; cow2.png: "):
        evaluate_folder(folder, "cow", release.root, "cpu")


def test_a_folder_without_pictures_is_refused(tmp_path, release):
    with pytest.raises(ValueError, match="has no picture; give a folder with files that end in .jpg"):
        evaluate_folder(tmp_path, "cow", release.root, "cpu")


def test_what_cannot_be_measured_is_told_with_its_name_and_the_rest_is_measured(folder, release):
    for seed in (3, 4, 5, 6):
        Image.fromarray(Drawn().draw(seed, blank=False)).save(folder / f"cow{seed}.png")
    for seed, said in {
        1: {"keypoints": [[20, 20], [30, 25]], "seen": [True, True]},
        2: {"keypoints": [[20, 20], [30, 25], [9, 9]], "seen": [True, True, True]},
        3: {"keypoints": [[20, 20], [30, 25]], "seen": [True]},
        6: {"keypoints": [], "seen": []},
    }.items():
        (folder / f"cow{seed}.json").write_text(json.dumps(said), "utf-8-sig")
    (folder / "cow4.obj").write_text("v 1 1 1\n" * 3 + "f 1 2 3\n")
    (folder / "cow5.obj").write_bytes(plain_obj(*read_mesh(trimesh.creation.box().export(file_type="stl"), "stl")))
    (folder / "bess.heic").write_bytes(b"no picture that is read")
    found, skipped = evaluate_folder(folder, "cow", release.root, "cpu")
    assert metrics(found)["mask IoU"].count == 1
    for reason, words in zip(
        skipped,
        (
            "left out as no pictures: 1 (.heic",
            "cow2.png: has 3 keypoints and cow1.png 2; give the same ones",
            "cow3.png: ",
            "cow4.png: ",
            "cow5.png: ",
            "cow6.png: ",
        ),
        strict=True,
    ):
        assert words in reason
    assert "seen has 1 entries and keypoints 2" in skipped[2] and "has no volume" in skipped[3]
    assert "an answer and no truth" in skipped[4] and "says neither keypoints nor azimuth" in skipped[5]


def test_the_start_stands_beside_the_model_and_a_start_that_is_gone_is_told(folder, release, monkeypatch, caplog):
    found, _ = evaluate_folder(folder, "cow", release.root, "cpu")
    assert all({"tiny", START} <= row.scores.keys() for row in found.rows if "tiny" in row.scores)

    def gone(*_):
        raise MissingWeights("the quadruped is another")

    monkeypatch.setattr(loading, "start", gone)
    found, _ = evaluate_folder(folder, "cow", release.root, "cpu")
    assert not any(START in row.scores for row in found.rows) and "the quadruped is another" in caplog.text
