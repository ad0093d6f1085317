from dataclasses import replace
from math import pi

import pytest
import torch

from models.data.ground_truth import Truth
from models.geometry.cameras import look_at
from models.methods.magicpony.losses.viewpoints import camera_distance, hypothesis, relative_error
from models.methods.magicpony.state import Alternatives
from tests.models.methods.magicpony.losses.test_reconstruction import SIZE, photo, square

FREE = torch.zeros(1, 4)


def alternatives(score: list[float], ruled_out: torch.Tensor = FREE) -> Alternatives:
    scores = torch.tensor([score], requires_grad=True)
    return Alternatives(scores, ruled_out, look_at(torch.zeros(4), torch.zeros(4)))


def test_scores_that_are_right_have_no_miss() -> None:
    right = alternatives([3.0, 2.0, 3.5, 9.0])
    assert hypothesis(right, torch.tensor([3.0]), torch.tensor([[0.0, -1.0, 0.5, 6.0]])) == 0


def test_scores_learn_the_error_and_not_the_reverse() -> None:
    wrong, error = alternatives([0.0] * 4), torch.tensor([2.0], requires_grad=True)
    hypothesis(wrong, error, torch.zeros(1, 4)).backward()
    assert wrong.score.grad.tolist() == [[-1, -1, -1, -1]]
    assert error.grad is None


def test_what_the_word_rules_out_learns_to_be_twice_as_bad() -> None:
    firm = alternatives([3.0, 3.0, 6.0, 4.5], torch.tensor([[0.0, 0.0, 1.0, 0.5]]))
    assert hypothesis(firm, torch.tensor([3.0]), torch.zeros(1, 4)) == 0


def test_the_relative_error_is_the_silhouette_error_beyond_that_of_the_taken_viewpoint() -> None:
    batch = photo(square(4, 8))
    drawn = torch.cat([square(4, 8), square(4, 4), square(4, 8), square(0, SIZE)])
    found = relative_error(drawn, torch.tensor([2]), batch, mask=10.0, mask_distance=0.0)
    assert found[0].tolist() == pytest.approx([0, 10 * 48 / SIZE**2, 0, 10 * 192 / SIZE**2])


def test_the_relative_error_is_measured_at_the_silhouettes_size_and_inside_the_picture() -> None:
    batch = photo(square(4, 8))
    unseen = replace(batch, valid=batch.mask)
    small = torch.ones(4, SIZE // 2, SIZE // 2)
    assert relative_error(small, torch.tensor([0]), unseen, 10.0, 100.0).abs().max() < 1e-5


def test_a_camera_misses_by_its_angle_alone() -> None:
    known = look_at(torch.tensor([0.5]), torch.tensor([0.2]))
    none = torch.zeros(1, 0, 3)
    truth = Truth(known.T_camera_world[:, 2, :3], none, none, torch.zeros(1, 4), torch.zeros(0).long())
    batch = replace(photo(square(4, 8)), truth=truth)
    further = look_at(torch.tensor([0.5]), torch.tensor([0.2]), 14.0, torch.tensor([[0.3, 0.1, 0.0]]))
    behind = look_at(torch.tensor([0.5 + pi]), torch.tensor([-0.2]))
    assert camera_distance(known, batch).item() == camera_distance(further, batch).item() == pytest.approx(0, abs=1e-6)
    assert camera_distance(behind, batch).item() == pytest.approx(2)
    beside = look_at(torch.tensor([0.5]), torch.tensor([0.2 + pi / 3]))
    assert camera_distance(beside, batch).item() == pytest.approx(0.5)


def test_photos_do_not_know_their_cameras() -> None:
    with pytest.raises(ValueError, match=r"batch\.truth is None; only crops of procedural animals"):
        camera_distance(look_at(torch.zeros(1), torch.zeros(1)), photo(square(4, 8)))
