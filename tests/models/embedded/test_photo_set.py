import numpy as np
import pytest

from models.core.category import VIEWS
from models.embedded.photo_set import join_pictures, load_pictures, render_pictures
from models.truth.barnyard import FARM, OTHERS, SPECIES
from models.truth.barnyard.scene import HELD_OUT, SEEDS_PER_INDIVIDUAL, sample_light


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    render_pictures(place, 2, 32)
    return place


def test_what_was_rendered_is_loaded(folder):
    pictures = load_pictures(folder, 2)
    assert len(pictures) == 2 * len(FARM)
    for index in range(len(pictures)):
        caption = str(pictures.caption[index])
        assert SPECIES[pictures.category[index]] in caption and f"{VIEWS[pictures.view[index]]} view" in caption
        assert 0.05 < (pictures.part[index] > 0).mean() < 0.8


def test_photos_of_another_number_or_size_are_made_anew_and_no_others_are_taken_for_them(tmp_path):
    render_pictures(tmp_path, 1, 32, species=FARM[:1])
    (file,) = tmp_path.iterdir()
    with pytest.raises(ValueError, match=f"{file}: has 1 photos, not 2; run render_pictures again"):
        load_pictures(tmp_path, 2, species=FARM[:1])
    for count, size, is_new in ((2, 32, True), (2, 40, True), (2, 40, False)):
        before = file.stat().st_ino
        render_pictures(tmp_path, count, size, species=FARM[:1])
        assert (file.stat().st_ino != before) == is_new
        assert load_pictures(tmp_path, count, species=FARM[:1]).image.shape == (count, size, size, 3)


def test_too_many_of_one_species_do_not_stand_in_for_too_few_of_another(tmp_path):
    cow, horse = FARM[:2]
    render_pictures(tmp_path, 3, 32, species=(cow,))
    render_pictures(tmp_path, 1, 32, species=(horse,))
    with pytest.raises(ValueError, match=f"{cow}-0000000.npz: has 3 photos, not 2; run render_pictures again"):
        load_pictures(tmp_path, 2, species=(cow, horse))


def test_photos_of_two_sizes_are_refused_in_one_sentence(tmp_path):
    for category, size in zip(FARM[:2], (32, 40), strict=True):
        render_pictures(tmp_path, 1, size, species=(category,))
    with pytest.raises(ValueError, match=f"{tmp_path}: has photos of 32 and 40 pixels along an edge; run"):
        load_pictures(tmp_path, 1, species=FARM[:2])


def test_joined_pictures_follow_one_another(folder):
    pictures = load_pictures(folder, 2)
    joined = join_pictures((pictures, pictures))
    assert len(joined) == 2 * len(pictures) and np.array_equal(joined.image[len(pictures) :], pictures.image)
    assert list(joined.caption[: len(pictures)]) == list(pictures.caption)


def test_points_of_the_surface_fall_on_the_animal_and_are_as_deep_as_wide(folder):
    pictures = load_pictures(folder, 2)
    side = pictures.part.shape[1]
    for points, part in zip(pictures.surface, pictures.part, strict=True):
        column, row = ((points[:, axis] + 1) / 2 * side for axis in (0, 1))
        covered = np.pad(part > 0, 1)
        # A point may lie on the pixel beside the last whose centre is covered.
        near = np.any(
            [
                covered[1 + down : side + 1 + down, 1 + right : side + 1 + right]
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
            ],
            0,
        )
        assert near[row.astype(int), column.astype(int)].mean() > 0.99
    # Over many turns a picture's width and its depth are alike.
    assert 0.4 < np.ptp(pictures.surface[..., 2]) / np.ptp(pictures.surface[..., 0]) < 2.5


def test_surface_and_keypoints_are_in_one_space(folder):
    pictures = load_pictures(folder, 2)
    apart = np.linalg.norm(pictures.keypoints[:, :, None] - pictures.surface[:, None], axis=-1).min(2)
    assert np.median(apart) < 0.06


def test_photos_are_of_other_individuals_and_lit_as_these_are(folder):
    pictures = load_pictures(folder, 2)
    lamps = [sample_light(category, seed).coefficients[0] for category in FARM for seed in (0, SEEDS_PER_INDIVIDUAL)]
    assert np.allclose(pictures.light, np.stack(lamps))


def test_finished_chunks_are_kept_and_workers_share_the_rest(folder, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    render_pictures(folder, 2, 32)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for worker in range(2):
        render_pictures(tmp_path, 2, 32, worker=worker, workers=2)
    assert np.array_equal(load_pictures(tmp_path, 2).image, load_pictures(folder, 2).image)


def test_species_are_kept_apart_and_keep_their_numbers(tmp_path):
    render_pictures(tmp_path, 1, 32, species=OTHERS)
    others = load_pictures(tmp_path, 1, species=OTHERS)
    assert [SPECIES[number] for number in others.category] == list(OTHERS)
    with pytest.raises(ValueError, match="cow-0000000"):
        load_pictures(tmp_path, 1)


def test_missing_files_and_mixed_seeds_are_refused(folder):
    with pytest.raises(ValueError, match="3 files are missing"):
        load_pictures(folder, 300)
    with pytest.raises(ValueError, match="mix training and evaluation"):
        render_pictures(folder, 20, 32, first=HELD_OUT // SEEDS_PER_INDIVIDUAL - 10)
