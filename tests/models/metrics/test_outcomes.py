"""Outcomes follow their examples, whatever the batch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.data.batch import Batch
from models.metrics.outcomes import copies, outcomes
from models.rendering.reconstruction import Reconstruction, Reconstructor
from models.truth.examples import Example
from tests.models.metrics.conftest import body
from tests.models.rendering.test_reconstruction import Meshes, Pictures

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


@dataclass(frozen=True)
class Answers:
    """A method that gives these, whatever the crops."""

    answer: Callable[[Batch], Reconstruction]

    def predict(self, batch: Batch) -> Reconstruction:
        return self.answer(batch)


def test_a_plain_mesh_tells_its_shape_and_leaves_the_rest_out(toys: list[Example]) -> None:
    for found in outcomes(Answers(lambda batch: Meshes((body(),) * len(batch))), toys, 4):
        np.testing.assert_array_equal(found.mesh.vertices, body().vertices[0])
        assert (found.azimuth, found.projection, found.visible) == (None, None, None)
        assert (found.photo, found.turned, found.relit) == ((), (), ())


def test_a_mesh_with_a_camera_tells_its_side_and_where_its_vertices_are(toys: list[Example], oracle: Maker) -> None:
    def bare(batch: Batch) -> Meshes:
        return Meshes((body(),) * len(batch), oracle().predict(batch).camera)

    for each, bared, drawn in zip(toys, outcomes(Answers(bare), toys, 4), outcomes(oracle(), toys, 4), strict=True):
        assert bared.azimuth == pytest.approx(each.azimuth, abs=1e-5)
        np.testing.assert_allclose(bared.projection, drawn.projection, atol=1e-6)
        assert bared.photo == ()


def test_pictures_without_a_camera_show_the_photos_side_alone(toys: list[Example]) -> None:
    for found in outcomes(Answers(lambda batch: Pictures(len(batch))), toys, 4):
        assert (found.mesh, found.azimuth, found.projection, found.visible) == (None,) * 4
        assert len(found.photo) == 1 and found.photo[0].mask.any()
        assert (found.turned, found.relit) == ((), ())
