import numpy as np
import pytest
import torch

from models.geometry.cameras import look_at
from models.methods.meshinversion.state import Pictures, Placement, place, rotation, seen_colours, true_lesson
from models.truth.barnyard import sample_scene
from tests.models.methods.meshinversion.material import lessons
from tests.models.methods.meshinversion.test_config import columns

RANDOM = torch.Generator().manual_seed(0)


def placements(count=4):
    return Placement(
        torch.rand(count, generator=RANDOM) + 0.5,
        torch.randn(count, 2, generator=RANDOM) / 4,
        torch.randn(count, 4, generator=RANDOM),
    )


def test_turns_are_rotations_however_long_their_quaternions():
    turn = torch.randn(5, 4, generator=RANDOM)
    R = rotation(turn)
    assert torch.allclose(R @ R.mT, torch.eye(3).expand(5, 3, 3), atol=1e-5) and (torch.linalg.det(R) > 0).all()
    assert torch.allclose(rotation(3 * turn), R, atol=1e-6)
    quarter = torch.tensor([[1.0, 0, 0, 1]])
    assert torch.allclose(rotation(quarter)[0] @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)


def test_what_a_placement_shows_is_found_again_from_what_is_seen():
    vertices = torch.randn(1, 40, 3, generator=RANDOM)
    at = placements(1)
    ndc = at.camera().project(vertices * at.scale)[0].numpy()
    scale, shift, turn = place(vertices[0].numpy(), rotation(at.turn)[0].numpy(), ndc)
    assert scale == pytest.approx(float(at.scale), abs=1e-4) and shift == pytest.approx(at.shift[0].tolist(), abs=1e-4)
    assert torch.allclose(rotation(torch.from_numpy(turn)[None]), rotation(at.turn), atol=1e-5)


def test_the_mirror_image_of_a_crop_shows_the_mirror_image_of_the_animal():
    at, vertices = placements(), torch.randn(4, 9, 3, generator=RANDOM)
    seen = at.camera().project(vertices * at.scale[:, None, None])
    flipped = torch.tensor([True, False, True, True])
    turned = at.mirrored(flipped)
    sign = torch.where(flipped, -1.0, 1.0)[:, None, None] * torch.tensor((1.0, 0, 0)) + torch.tensor((0.0, 1, 1))
    ours = turned.camera().project(vertices * sign * turned.scale[:, None, None])
    assert torch.allclose(ours, seen * sign[..., :2], atol=1e-5)


def test_a_true_lesson_has_the_animal_where_its_mask_is():
    lesson = true_lesson(sample_scene("cow", 3, 64), 48)
    pictures = Pictures([lesson], 48)
    at = pictures.placement
    ndc = at.camera().project(torch.from_numpy(lesson.posed)[None] * at.scale)[0]
    columns, rows = ((ndc + 1) / 2 * 48).long().clamp(0, 47).unbind(1)
    assert lesson.sample.mask[rows.numpy(), columns.numpy()].mean() > 0.85
    first, again = lessons()[:2]
    assert np.array_equal(first.rest, again.rest) and not np.array_equal(first.posed, again.posed), "one individual"
    assert lesson.colour.shape == lesson.posed.shape == lesson.rest.shape and lesson.colour.max() <= 1


def test_pictures_are_cut_out_by_their_masks_and_mirrored_with_their_placements():
    pictures = Pictures(lessons(), 32)
    rows = torch.tensor([1, 1])
    both, at = pictures.batch(rows, torch.tensor([False, True]))
    assert torch.equal(both[1], both[0].flip(-1)) and (both[:, :3] * (1 - both[:, 3:]) == 0).all()
    assert at.shift[0, 0] == -at.shift[1, 0] and len(pictures) == 3


def test_colours_are_read_where_a_view_sees_them_and_else_from_the_nearest():
    views = columns("views")[0].estimate
    ball = columns("mesh")[0].estimate.vertices
    views.albedo[0] = (0, 0, 255)
    colour = seen_colours(0.6 * ball, views)
    assert colour[ball[:, 2].argmax(), 2] > 0.9, "the first camera stands at +z"
    assert colour[ball[:, 2].argmin()].argmax() == 0
    views.mask[:] = False
    assert (seen_colours(ball, views) == 0.5).all()


def test_what_lies_behind_is_not_seen():
    views = columns("views")[0].estimate
    views.albedo[:] = 0
    views.albedo[0] = 255
    front, back = np.array([[0.0, 0, 0.5]], np.float32), np.array([[0.0, 0, -2.5]], np.float32)
    assert look_at(torch.zeros(1), torch.zeros(1)).distance(torch.from_numpy(front)[None])[0, 0] == 9.5
    colour = seen_colours(np.concatenate((front, back)), views)
    assert colour[0].min() > 0.2 and colour[1].max() <= colour[0].max()
