import numpy as np
import pytest

from models.barnyard import PARTS, SPECIES
from models.barnyard.pictures import load_pictures, merged_parts, render_pictures
from models.category import VIEWS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    render_pictures(place, 2, 32)
    return place


def test_what_was_rendered_is_loaded(folder):
    pictures = load_pictures(folder, 2)
    assert len(pictures) == 2 * len(SPECIES)
    for index in range(len(pictures)):
        caption = str(pictures.caption[index])
        assert SPECIES[pictures.category[index]] in caption and f"{VIEWS[pictures.view[index]]} view" in caption
        assert 0.05 < (pictures.part[index] > 0).mean() < 0.8


def test_finished_chunks_are_kept_and_workers_share_the_rest(folder, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    render_pictures(folder, 2, 32)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for worker in range(2):
        render_pictures(tmp_path, 2, 32, worker=worker, workers=2)
    assert np.array_equal(load_pictures(tmp_path, 2).image, load_pictures(folder, 2).image)


def test_missing_chunks_and_mixed_seeds_are_refused(folder):
    with pytest.raises(ValueError, match="3 chunks are missing"):
        load_pictures(folder, 300)
    with pytest.raises(ValueError, match="mix training and evaluation"):
        render_pictures(folder, 20, 32, first=999_990)


def test_left_and_right_become_one():
    names, table = merged_parts()
    assert "fore_leg" in names and not any(name.startswith(("left", "right")) for name in names)
    assert table[PARTS.index("left_fore_leg")] == table[PARTS.index("right_fore_leg")]
    assert table[0] == 0 and names[0] == "background"
