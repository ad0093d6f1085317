"""Outcomes follow their examples, whatever the batch."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.metrics.outcomes import Reconstructor, copies, outcomes
from models.truth.examples import Example

Maker = Callable[..., Reconstructor]


def test_the_batch_size_changes_nothing(toys: list[Example], oracle: Maker) -> None:
    for alone, together in zip(outcomes(oracle(), toys, 1), outcomes(oracle(), toys, 5), strict=True):
        assert alone.azimuth == pytest.approx(together.azimuth)
        np.testing.assert_allclose(alone.projection, together.projection, atol=1e-6)
        np.testing.assert_array_equal(alone.photo[0].mask, together.photo[0].mask)


def test_about_half_of_the_vertices_are_visible(toys: list[Example], oracle: Maker) -> None:
    assert all(0.3 < found.visible.mean() < 0.7 for found in outcomes(oracle(), toys, 4))


def test_a_copy_shows_the_photo_everywhere(toys: list[Example]) -> None:
    for each, found in zip(toys, copies(toys), strict=True):
        assert len(found.turned) == len(each.turned)
        np.testing.assert_allclose(found.relit[0].rgb, each.crop.image[0] * each.crop.mask[0, ..., None], atol=1e-6)


def test_examples_of_one_batch_have_the_same_views(toys: list[Example], oracle: Maker) -> None:
    with pytest.raises(ValueError, match="shorter|longer"):
        outcomes(oracle(), [toys[0], replace(toys[1], turned=())], 2)
