"""Lighter copies are the same animal: its shape, texture, weights and clips."""

import numpy as np
import pytest
import torch
import trimesh

from models.export.asset import Asset
from models.export.levels import FEWEST, levels, simplify
from tests.storage.tube import tube


@pytest.fixture(scope="module")
def animal() -> Asset:
    """A fine tube whose texture is cut along its length, as the atlas of a real one is."""
    coarse, fine = tube(), trimesh.creation.capsule(height=2.0, radius=0.4, count=(40, 40))
    vertices, faces = np.asarray(fine.vertices) - (0, 0, 1), np.asarray(fine.faces)
    side = vertices[faces][:, :, 0].mean(1) > 0
    corners, numbers = np.unique(np.c_[faces.reshape(-1), np.repeat(side, 3)], axis=0, return_inverse=True)
    placed = vertices[corners[:, 0]]
    weights = torch.softmax(torch.from_numpy(-4 * np.square(placed[:, 2:] - coarse.T_world_bone[:, 2, 3])), 1).numpy()
    uv = np.c_[placed[:, 1] / 4 + 0.25 + 0.5 * corners[:, 1], placed[:, 2] / 4 + 0.5]
    known = vars(coarse) | {
        "vertices": placed,
        "posed": placed + 1,
        "normals": np.asarray(fine.vertex_normals)[corners[:, 0]],
        "uv": uv,
        "weights": weights,
        "faces": numbers.reshape(-1, 3),
        "clips": {},
        "sliders": {"fat": 0.1 * placed},
    }
    return Asset(**known)


def surface(asset: Asset) -> trimesh.Trimesh:
    places, numbers = np.unique(asset.vertices, axis=0, return_inverse=True)
    return trimesh.Trimesh(places, numbers.reshape(-1)[asset.faces], process=False)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_a_lighter_copy_has_the_shape_without_a_hole(animal, share):
    light = simplify(animal, round(share * len(animal.faces)))
    assert 0.98 * share < len(light.faces) / len(animal.faces) <= share
    assert surface(light).is_watertight
    assert surface(light).volume == pytest.approx(surface(animal).volume, rel=0.01)


def test_whatever_a_vertex_carries_is_carried_over(animal):
    light = simplify(animal, 1000)
    rows = {(*place, *uv): row for row, (place, uv) in enumerate(zip(animal.vertices, animal.uv, strict=True))}
    kept = [rows[*place, *uv] for place, uv in zip(light.vertices, light.uv, strict=True)]
    for name in ("weights", "posed", "normals"):
        np.testing.assert_array_equal(getattr(light, name), getattr(animal, name)[kept])
    np.testing.assert_array_equal(light.sliders["fat"], animal.sliders["fat"][kept])
    assert light.clips is animal.clips and light.texture is animal.texture


def test_no_triangle_spans_two_charts_of_the_texture(animal):
    light = simplify(animal, 600)
    assert np.ptp((light.uv[light.faces][..., 0] > 0.5).astype(int), axis=1).max() == 0


def test_levels_are_half_and_a_fifth(animal):
    assert {name: round(len(each.faces) / len(animal.faces), 1) for name, each in levels(animal).items()} == {
        "LOD1": 0.5,
        "LOD2": 0.2,
    }


def test_more_triangles_than_there_are_change_nothing_and_too_few_are_refused(animal):
    np.testing.assert_array_equal(simplify(animal, 10**9).faces, animal.faces)
    assert FEWEST == 200
    for nonsense in (10, 0, -5):
        with pytest.raises(ValueError, match=f"triangles is {nonsense}; an animal needs 200 or more"):
            simplify(animal, nonsense)
