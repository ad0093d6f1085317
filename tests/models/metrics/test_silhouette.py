"""Outline scores are 1 for the same outline and 0 for strangers."""

import numpy as np
import pytest

from models.metrics.silhouette import boundary_f, iou


def square(start: int, side: int = 20) -> np.ndarray:
    mask = np.zeros((64, 64), bool)
    mask[start : start + side, start : start + side] = True
    return mask


def test_the_same_outline_is_perfect() -> None:
    assert iou(square(10), square(10)) == boundary_f(square(10), square(10)) == 1


def test_strangers_share_nothing() -> None:
    assert iou(square(0), square(40)) == boundary_f(square(0), square(40)) == 0


def test_iou_of_a_known_overlap() -> None:
    assert iou(square(10), square(20)) == pytest.approx(100 / 700)


def test_the_boundary_forgives_one_pixel_and_not_eight() -> None:
    assert boundary_f(square(10), square(11)) > 0.98
    assert boundary_f(square(10), square(18)) < 0.4


def test_empty_outlines() -> None:
    empty = np.zeros((64, 64), bool)
    assert iou(empty, empty) == boundary_f(empty, empty) == 1
    assert iou(empty, square(1)) == boundary_f(empty, square(1)) == 0
