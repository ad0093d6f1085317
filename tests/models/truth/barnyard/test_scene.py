from dataclasses import replace
from math import pi

import numpy as np
import pytest
import torch

from models.core.category import VIEWS, Category
from models.geometry.cameras import look_at, view_word
from models.rendering.types import Light
from models.truth.barnyard import HELD_OUT, KEYPOINTS, SPECIES, render_views, sample_scene, sample_scenes
from models.truth.barnyard.scene import SEEDS_PER_INDIVIDUAL, sample_animal, sample_camera, sample_light

SIZE = 64
AS_TAUGHT = {
    ("cow", 0): ("a brown and white cow, front view, standing on grass", 5198, 0.410122, 0.669499),
    ("cow", 5): ("a black and white cow, side view, walking on sand", 5198, 0.599754, 0.663807),
    ("horse", 0): ("a black horse, side view, walking on grass", 4734, 0.276518, 0.655906),
    ("horse", 5): ("a black horse, side view, walking on sand", 4734, 0.503496, 0.658206),
    ("sheep", 0): ("a white sheep, back view, walking on grass", 5120, 0.53703, 0.621342),
    ("sheep", 5): ("a grey sheep, side view, running on sand", 5120, 0.532336, 0.597543),
}
"""Caption, vertices, mean of the photo and of the posed coordinates, when the shipped weights were taught."""


@pytest.fixture(scope="module")
def scenes():
    return {(category, seed): sample_scene(category, seed, SIZE) for category in SPECIES for seed in range(8)}


def test_a_seed_gives_the_same_photo_and_another_seed_another(scenes):
    again = sample_scene("horse", 3, SIZE)
    assert np.array_equal(again.image, scenes["horse", 3].image)
    assert again.caption == scenes["horse", 3].caption
    assert not np.array_equal(scenes["horse", 3].image, scenes["horse", 4].image)
    assert [scene.seed for scene in sample_scenes("horse", range(2, 4), SIZE)] == [2, 3]


def test_the_farms_photos_stay_what_the_shipped_weights_were_taught(scenes):
    for key, (caption, vertices, brightness, extent) in AS_TAUGHT.items():
        posed = scenes[key].mesh.vertices[0].numpy()
        assert (scenes[key].caption, len(posed)) == (caption, vertices)
        assert scenes[key].image.mean() == pytest.approx(brightness, abs=2e-6)
        assert np.abs(posed).mean() == pytest.approx(extent, abs=2e-6)


def test_consecutive_seeds_share_a_body_and_held_out_ones_do_not():
    assert sample_animal("cow", 0).body is sample_animal("cow", SEEDS_PER_INDIVIDUAL - 1).body
    assert sample_animal("cow", 0).body.build != sample_animal("cow", SEEDS_PER_INDIVIDUAL).body.build
    assert sample_animal("cow", HELD_OUT).body.build != sample_animal("cow", HELD_OUT - 1).body.build


def test_masks_depth_and_parts_agree(scenes):
    for scene in scenes.values():
        assert np.array_equal(scene.mask, scene.depth > 0)
        assert np.array_equal(scene.mask, scene.part > 0)
        assert 0 <= scene.image.min() <= scene.image.max() <= 1


def test_the_animal_is_whole_and_large(scenes):
    for scene in scenes.values():
        border = np.concatenate((scene.mask[[0, -1]].ravel(), scene.mask[:, [0, -1]].ravel()))
        assert not border.any()
        assert 0.1 < scene.mask.mean() < 0.6


def test_keypoints_are_surface_points_and_fall_on_the_mask(scenes):
    inside = []
    for scene in scenes.values():
        vertices = scene.mesh.vertices[0].numpy()
        assert np.linalg.norm(vertices[None] - scene.keypoints_world[:, None], axis=-1).min(1).max() < 1e-6
        column, row = ((scene.keypoints_ndc.T + 1) * SIZE / 2).astype(int).clip(0, SIZE - 1)
        grown = np.lib.stride_tricks.sliding_window_view(np.pad(scene.mask, 2), (5, 5)).any((2, 3))
        inside.append(grown[row, column])
        assert np.allclose(scene.camera.project(torch.from_numpy(scene.keypoints_world)[None])[0], scene.keypoints_ndc)
    assert np.mean(inside) == 1


def test_a_visible_eye_tells_the_side_of_the_camera(scenes):
    left, right = KEYPOINTS.index("left_eye"), KEYPOINTS.index("right_eye")
    for scene in scenes.values():
        azimuth = float(scene.camera.azimuth[0])
        if abs(abs(azimuth) - pi / 2) < 0.35 and scene.action == "standing":
            near, far = (left, right) if azimuth > 0 else (right, left)
            assert scene.keypoints_visible[near] and not scene.keypoints_visible[far]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_word_bounds_the_azimuth(view):
    for seed in range(6):
        subject = sample_animal("sheep", seed)
        assert view_word(float(sample_camera(subject, view).azimuth[0])) == view
    assert sample_scene("sheep", 5, SIZE, view=view).view == view


def test_no_camera_lies_on_the_ground():
    raised = replace(sample_animal("sheep", 0), ground=0.0)
    heights = [sample_camera(replace(raised, seed=seed)).position[0, 1].item() for seed in range(30)]
    assert 0.6 < min(heights) < 1.0


def test_captions_are_the_prompts_words(scenes):
    scene = scenes["cow", 1]
    category = Category(name="cow", segment_as=("cow",))
    assert scene.caption == category.prompt(scene.view, coat=scene.coat, action=scene.action, place=scene.place)


def test_other_cameras_see_the_same_animal_and_light_changes_only_colour():
    cameras = look_at(torch.tensor([0.0, 1.0]), torch.tensor([0.1, 0.3]), 12.0)
    first, second = render_views("cow", 5, cameras, SIZE)
    assert torch.equal(first.mesh.vertices, second.mesh.vertices)
    assert not np.array_equal(first.mask, second.mask)
    dark = Light(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0.1]), torch.tensor([0.1]))
    relit = render_views("cow", 5, cameras[:1], SIZE, dark)[0]
    assert np.array_equal(relit.depth, first.depth)
    assert relit.image[relit.mask].mean() < 0.5 * first.image[first.mask].mean()


def test_light_is_a_unit_vector_from_above():
    light = sample_light("cow", 9)
    assert float(light.direction.norm()) == pytest.approx(1, abs=1e-5)
    assert light.direction[0, 1] > 0
