"""Trivial answers are what they say."""

import numpy as np
import pytest
import torch
import trimesh

from models.data.batch import Batch
from models.metrics.baselines import baselines, mean_mesh, unit
from models.rendering.reference import Reference

CPU = torch.device("cpu")


def ellipsoid(*axes: float) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=3).apply_transform(np.diag((*axes, 1.0)))


def test_the_mean_of_one_shape_is_the_shape() -> None:
    shape = ellipsoid(0.6, 1, 1.8)
    mean = mean_mesh([shape.copy().apply_translation((3, 0, 1)).apply_scale(2)])
    np.testing.assert_allclose(mean.extents, unit(shape).extents, rtol=0.08)
    assert mean.is_watertight
    assert mean.volume == pytest.approx(1)


def test_the_mean_of_three_shapes_is_what_two_of_them_have_in_common() -> None:
    long, wide = ellipsoid(0.6, 1, 1.8), ellipsoid(1.2, 1, 0.9)
    np.testing.assert_allclose(mean_mesh([long, wide, long]).extents, unit(long).extents, rtol=0.08)


def test_the_mean_has_a_mirror_plane() -> None:
    ear = ellipsoid(0.4, 0.4, 0.4).apply_translation((0.5, 0, 1.5))
    mean = mean_mesh([trimesh.util.concatenate([ellipsoid(0.6, 1, 1.8), ear])])
    np.testing.assert_allclose(mean.bounds[0, 0], -mean.bounds[1, 0], atol=0.02)


def test_an_open_mesh_is_refused() -> None:
    flat = trimesh.Trimesh(np.eye(3), [[0, 1, 2]])
    with pytest.raises(ValueError, match="closed surface"):
        unit(trimesh.Trimesh(flat.vertices, flat.faces * 0))


def test_without_true_shapes_the_sphere_stands_alone() -> None:
    assert list(baselines([], Reference(), CPU)) == ["unit sphere"]


def test_every_baseline_lies_on_the_device_that_it_is_drawn_on_whichever_its_number() -> None:
    """As meshes on any other GPU than the renderer's are refused by nvdiffrast; no GPU is needed to see where."""
    nowhere = torch.device("meta")
    for method in baselines([ellipsoid(0.8, 1, 1.2)], Reference(), nowhere).values():
        assert method.shape.vertices.device == method.shape.faces.device == nowhere


def test_every_baseline_fills_a_quarter_of_the_crop_in_the_colour_of_the_photo() -> None:
    colour = torch.tensor([[0.8, 0.4, 0.2], [0.1, 0.5, 0.3]])
    mask = torch.zeros(2, 48, 48)
    mask[:, 12:36, 12:36] = 1
    image = colour[:, None, None].expand(2, 48, 48, 3) * mask[..., None]
    batch = Batch(image, mask, mask * 0 + 1, None, torch.tensor([-1, -1]), torch.tensor([0, 1]))
    for method in baselines([ellipsoid(0.8, 1, 1.2)], Reference(), CPU).values():
        rendering = method.predict(batch).render(48)
        assert rendering.mask.mean() == pytest.approx(0.25, abs=0.06)
        torch.testing.assert_close(rendering.rgb[:, 24, 24], colour)
