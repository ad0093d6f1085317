import numpy as np
import pytest
import trimesh

from models.metrics.surface_agreement import THRESHOLDS, surface_agreement


def sphere(radius=1.0, shift=(0.0, 0.0, 0.0)):
    return trimesh.creation.icosphere(subdivisions=4, radius=radius).apply_translation(shift)


def test_a_surface_agrees_with_itself_whatever_its_size():
    for radius in (0.01, 300.0):
        agreement = surface_agreement(sphere(radius), sphere(radius), 10_000)
        assert agreement.f1[1] > 99.9 and agreement.f1[2] == 100.0
        assert agreement.normal_consistency > 0.99


def test_a_point_is_met_below_the_threshold_on_a_scale_of_ten():
    # The gap between the spheres is that share of the target's diameter everywhere; points add a little.
    for gap, met in ((0.024, (0, 1, 1)), (0.036, (0, 0, 1)), (0.056, (0, 0, 0))):
        f1 = surface_agreement(sphere(1 + 2 * gap), sphere(), 20_000).f1
        assert [value > 99.5 for value in f1] == [bool(hit) for hit in met]
        assert all(value == 0 for value, hit in zip(f1, met, strict=True) if not hit)
    assert THRESHOLDS == (0.1, 0.3, 0.5)


def test_f1_is_the_harmonic_mean_of_both_shares():
    half = trimesh.util.concatenate(sphere(), sphere(1, (0.0, 0.0, 50.0)))
    assert surface_agreement(half, sphere(), 10_000).f1[1] == pytest.approx(100 * 2 * 0.5 / 1.5, abs=2)


def test_normals_are_compared_whichever_way_they_point():
    flat = trimesh.creation.box((10, 10, 1e-3))
    inverted = flat.copy()
    inverted.invert()
    assert surface_agreement(inverted, flat, 2000).normal_consistency > 0.98
    cosine = np.cos(np.radians(30))
    turned = flat.copy().apply_transform(trimesh.transformations.rotation_matrix(np.radians(30), (0, 0, 1)))
    tilted = flat.copy().apply_transform(trimesh.transformations.rotation_matrix(np.radians(30), (1, 0, 0)))
    assert surface_agreement(turned, flat, 2000).normal_consistency > 0.98
    assert surface_agreement(tilted, flat, 4000).normal_consistency == pytest.approx(cosine, abs=0.02)


def test_a_surface_without_area_is_refused():
    point = trimesh.Trimesh([[0, 0, 0]] * 3, [[0, 1, 2]], process=False)
    with pytest.raises(ValueError, match="a mesh of 1 faces has an area of 0.0; give a surface"):
        surface_agreement(point, sphere(), 100)
