import numpy as np
import pytest

from models.truth.training_scenes import crop_scene, training_scenes


def test_four_photos_show_an_individual_and_no_two_are_the_same():
    first, *others, fifth = training_scenes("cow", 5, 48, "animals")
    assert all(np.array_equal(scene.rest, first.rest) for scene in others) and not np.array_equal(
        fifth.rest, first.rest
    )
    assert not any(np.array_equal(scene.image, first.image) for scene in (*others, fifth))
    assert first.image.shape == (64, 64, 3)


def test_a_crop_shows_the_vertices_where_its_mask_is():
    (scene,) = training_scenes("sheep", 1, 48, "animals")
    crop, ndc, zoom = crop_scene(scene, 48)
    columns, rows = ((ndc + 1) / 2 * 48).astype(int).clip(0, 47).T
    assert crop.mask[rows, columns].mean() > 0.85
    wide = scene.camera.project(scene.mesh.vertices)[0].numpy()
    assert np.ptp(ndc, 0) == pytest.approx(zoom * np.ptp(wide, 0), rel=1e-4)


def test_a_category_without_known_surfaces_is_told_what_to_type():
    with pytest.raises(ValueError, match='the barnyard keeps no unicorn; take .*"meshes": "distilled".* cow, horse'):
        next(training_scenes("unicorn", 1, 48, "meshes"))
