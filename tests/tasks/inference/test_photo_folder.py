import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from models.core.errors import MissingWeights
from models.data.framing import crop_animal
from models.geometry.cameras import look_at
from models.metrics.silhouette import iou
from models.rendering.reference import Reference
from models.segmenters import TransformersConfig
from storage.formats.meshes import read_mesh
from tasks.inference import photo_folder
from tasks.inference import select as answer
from tasks.inference.photo_folder import reconstruct_folder
from tasks.inference.photo_listing import Listing, list_folder
from tests.models.metrics.test_outcomes import Answers
from tests.models.rendering.test_reconstruction import Meshes
from tests.tasks.material import Drawn, Red


@pytest.fixture(scope="module")
def told(tmp_path_factory, release):
    """What was said of a folder of good and bad photos, and the folder that was written."""
    folder, output = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("animals") / "deep"
    for seed in (1, 2):
        photo = np.pad(Drawn().draw(seed, blank=False), ((0, 0), (10, 6), (0, 0)))
        Image.fromarray(photo).save(folder / f"cow{seed}.png")
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(folder / "meadow.jpg")
    (folder / "torn.jpg").write_bytes(b"torn")
    (folder / "cow1.webp").write_bytes((folder / "cow2.png").read_bytes())
    (folder / "herd").mkdir()
    (folder / "herd" / "cow1.png").write_bytes((folder / "cow2.png").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "cached_model", lambda config, where: Red())
        return dict(reconstruct_folder(list_folder(folder), output, "cow", release.root, "cpu")), output


def test_what_cannot_be_used_is_told_and_the_rest_goes_on(told):
    said, output = told
    assert said["cow1"] is None and said["cow2"] is None
    assert "no cow was found" in said["meadow.jpg"] and "cannot be read" in said["torn.jpg"]
    assert {path.name.removeprefix("cow1") for path in output.glob("cow1*")} == {
        ".obj", ".json", "_mask.png", "_vertices.npz", "_overlay.jpg", "_views.jpg",
    }  # fmt: skip
    assert not [*output.glob("meadow*"), *output.glob("torn*")]


def test_of_two_photos_of_one_name_the_second_is_told_and_takes_no_files(told):
    said, output = told
    assert said["cow1.webp"].endswith("cow1.webp: its animal would have the files of cow1.png; rename one of the two")
    assert (output / "cow1.obj").read_bytes() != (output / "cow2.obj").read_bytes()


def test_photos_of_one_name_in_two_folders_have_files_in_two_folders(told):
    said, output = told
    assert said["herd/cow1"] is None
    assert len([*(output / "herd").iterdir()]) == len([*output.glob("cow2*")])


def test_a_photo_without_a_surface_is_skipped_with_a_sentence(tmp_path):
    pixels = np.full((40, 40, 3), 90, np.uint8)
    crop = crop_animal(pixels, np.ones((40, 40), bool), 16)
    photos = [photo_folder.Photo(name, tmp_path / f"{name}.jpg", pixels, crop) for name in ("one", "two")]
    camera = look_at(torch.zeros(2), torch.zeros(2))
    model = Answers(lambda batch: Meshes((None,) * len(batch), camera))
    writer = photo_folder._Writer(model, Reference(), 16, tmp_path / "out", torch.device("cpu"), {"model": "meshes-1"})
    said = dict(writer.write(photos))
    assert list(said) == ["one", "two"] and not (tmp_path / "out").exists()
    assert said["two"] == f"{tmp_path / 'two.jpg'}: meshes-1 found no surface in it; take another photo or run"


@pytest.mark.parametrize("name", ["cow1", "cow2"])
def test_mesh_and_camera_give_the_vertices_in_the_photo(told, name):
    _, output = told
    vertices, _ = read_mesh((output / f"{name}.obj").read_bytes(), "obj")
    said = json.loads((output / f"{name}.json").read_text())
    T, pinhole = np.array(said["T_camera_world"]), said["intrinsics"]
    x, y, z = (vertices @ T[:3, :3].T + T[:3, 3]).T
    u, v = pinhole["cx"] - pinhole["fx"] * x / z, pinhole["cy"] + pinhole["fy"] * y / z
    points = np.load(output / f"{name}_vertices.npz")
    assert np.allclose(np.stack((u, v), -1), points["pixels"], atol=0.01)
    assert 0 < points["visible"].mean() < 1
    assert len(said["weights"]["animal"]) == 64 and said["model"] == "tiny"


def test_silhouette_and_vertices_cover_the_same_part_of_the_photo(told):
    _, output = told
    mask = np.array(Image.open(output / "cow1_mask.png")) > 0
    points = np.load(output / "cow1_vertices.npz")["pixels"]
    assert mask.shape == (48, 64)
    rows, columns = np.nonzero(mask)
    inside = points.clip(0, (64, 48))
    assert np.abs(inside.min(0) - (columns.min(), rows.min())).max() < 1.5
    assert np.abs(inside.max(0) - (columns.max() + 1, rows.max() + 1)).max() < 1.5


def test_vertices_keep_their_order_from_photo_to_photo(told):
    _, output = told
    meshes = [read_mesh((output / f"cow{seed}.obj").read_bytes(), "obj") for seed in (1, 2)]
    assert np.array_equal(meshes[0][1], meshes[1][1]) and not np.array_equal(meshes[0][0], meshes[1][0])


def test_refined_silhouettes_lie_nearer_to_the_animals(told, tmp_path, release, monkeypatch):
    _, output = told
    monkeypatch.setattr(answer, "cached_model", lambda config, where: Red())
    photo = np.pad(Drawn().draw(1, blank=False), ((0, 0), (10, 6), (0, 0)))
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "cow1.png")
    as_it_is = tmp_path / "animals"
    said = reconstruct_folder(list_folder(tmp_path / "photos"), as_it_is, "cow", release.root, "cpu", refine=False)
    assert dict(said) == {"cow1": None}
    drawn = [np.asarray(Image.open(folder / "cow1_mask.png")) > 127 for folder in (as_it_is, output)]
    (found,) = Red().segment(photo[None], ("cow",))[0]
    plain, refined = (iou(each, found.mask) for each in drawn)
    assert 1 - refined < 0.8 * (1 - plain)
    said = [json.loads((folder / "cow1.json").read_text())["refined"] for folder in (as_it_is, output)]
    assert said == [False, True]


@pytest.mark.parametrize("output", ["photos", "photos/animals", "animals/../photos"])
def test_answers_do_not_lie_among_the_photos(tmp_path, release, output):
    nothing = Listing(tmp_path / "photos", (), ())
    with pytest.raises(ValueError, match="would be read as photos next time; give a folder beside it"):
        next(reconstruct_folder(nothing, tmp_path / output, "cow", release.root, "cpu"))


def test_no_photo_ends_the_batch_and_no_file_of_somebody_is_replaced(tmp_path, release, monkeypatch):
    monkeypatch.setattr(answer, "cached_model", lambda config, where: Red())
    monkeypatch.setattr(photo_folder, "BATCH_SIZE", 2)
    folder, output = tmp_path / "photos", tmp_path / "animals"
    folder.mkdir()
    output.mkdir()
    photo = Drawn().draw(1, blank=False)
    for name in ("bess.png", "p::q.png", "z.png", "x" * 245 + ".png", os.fsdecode(b"k\xfchl.png")):
        Image.fromarray(photo).save(folder / name)
    os.mkfifo(folder / "live.jpg")
    (output / "bess.json").write_text("my own labels")
    said = dict(reconstruct_folder(list_folder(folder), output, "cow", release.root, "cpu", refine=False))
    good = [os.fsdecode(b"k\xfchl"), "p::q", "z"]
    assert len(said) == 6 and sorted(name for name, reason in said.items() if not reason) == sorted(good)
    assert "bess.json: is there and is no earlier answer" in said["bess"]
    assert "is a named pipe" in said["live.jpg"] and "File name too long" in said["x" * 245]
    assert (output / "bess.json").read_text() == "my own labels" and not (output / "bess.obj").exists()
    assert (output / "p::q.obj").exists() and (output / os.fsdecode(b"k\xfchl_views.jpg")).exists()
    again = reconstruct_folder(list_folder(folder), output, "cow", release.root, "cpu", refine=False)
    assert sorted(name for name, reason in again if not reason) == sorted(good)


def test_a_segmenter_without_weights_stops_the_folder_instead_of_each_photo(release, tmp_path):
    photos, model = tmp_path / "photos", tmp_path / "model"
    photos.mkdir()
    model.mkdir()
    Image.fromarray(Drawn().draw(1, blank=False)).save(photos / "cow.png")
    own = TransformersConfig(model=str(model))
    with pytest.raises(MissingWeights, match=r"model has no config.json; copy the folder again"):
        list(reconstruct_folder(list_folder(photos), tmp_path / "animals", "cow", release.root, "cpu", segmenter=own))


def test_several_animals_of_a_photo_have_names_of_their_own_and_none_of_another_photo(tmp_path, monkeypatch):
    pixels = np.full((40, 40, 3), 90, np.uint8)
    crop = crop_animal(pixels, np.ones((40, 40), bool), 16)
    found = {"cow.png": 3, "herd.png": 2}
    for name in ("cow.png", "cow-2.png", "herd.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    read = photo_folder.load_image
    shown = []
    monkeypatch.setattr(photo_folder, "load_image", lambda path: shown.append(path.name) or read(path))
    monkeypatch.setattr(photo_folder, "crop_animals", lambda *_: [crop] * found.get(shown[-1], 1))
    named = {path.stem: path for path in list_folder(tmp_path).pictures}
    chosen = SimpleNamespace(crops=None)
    photos = {
        path.name: [photo.name for photo in photo_folder._photos(path, name, named, chosen, "cpu:0")]
        for name, path in named.items()
    }
    assert photos == {
        "cow-2.png": ["cow-2"],
        "cow.png": ["cow-1", "cow-3", "cow-4"],
        "herd.png": ["herd-1", "herd-2"],
    }
