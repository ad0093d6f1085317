"""The Animodel protocol forgives position, size and a half turn, and nothing else."""

import numpy as np
import pytest
import trimesh

from models.metrics.chamfer import ANIMODEL, ChamferConfig, chamfer, distance, remeshed, solid_voxels, surface_points

CONFIG = ChamferConfig(voxels=16, icp_points=400, points=800)


def body() -> trimesh.Trimesh:
    """A lopsided animal: a long trunk along z with a head at one end."""
    trunk = trimesh.creation.icosphere(subdivisions=3)
    trunk.apply_transform(np.diag((0.6, 0.8, 2.0, 1.0)))
    head = trimesh.creation.icosphere(subdivisions=3, radius=0.5).apply_translation((0, 0.9, 2.0))
    return trimesh.util.concatenate([trunk, head])


def moved(mesh: trimesh.Trimesh, *, scale: float = 1.0, turn: float = 0.0, shift: float = 0.0) -> trimesh.Trimesh:
    rotation = trimesh.transformations.rotation_matrix(turn, (0, 1, 0))
    return mesh.copy().apply_scale(scale).apply_transform(rotation).apply_translation((shift, -shift, shift))


@pytest.mark.parametrize("change", [{}, {"scale": 0.3}, {"shift": 0.2}, {"turn": np.pi}, {"turn": 0.2}])
def test_a_similar_mesh_costs_only_sampling_and_voxels(change: dict[str, float]) -> None:
    assert chamfer(moved(body(), **change), body(), CONFIG).scaled < 0.025


def test_a_sphere_is_worse_than_the_animal() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3)
    assert chamfer(sphere, body(), CONFIG).scaled > 2 * chamfer(body(), body(), CONFIG).scaled


def test_distance_agrees_with_two_parallel_plates() -> None:
    plate = np.stack(np.meshgrid(np.linspace(0, 4, 30), [0.0], np.linspace(0, 4, 30)), -1).reshape(-1, 3)
    score = distance(plate + (0, 0.5, 0), plate, extent=4.0)
    assert score.to_reconstruction == score.to_target == pytest.approx(0.5)
    assert score.scaled == pytest.approx(0.125)


def test_each_way_sees_its_own_excess() -> None:
    line = np.c_[np.linspace(0, 1, 11), np.zeros((11, 2))]
    score = distance(line[:1], line, extent=1.0)
    assert (score.to_reconstruction, score.to_target) == (pytest.approx(0.5), 0)


def test_surface_points_are_trimeshs_evenly_spread_ones_topped_up_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = trimesh.creation.box((0.05, 2.0, 6.0))
    drawn = [surface_points(box, 500, seed) for seed in range(8)]
    assert {len(points) for points in drawn} == {500} and not caplog.records
    even = [trimesh.sample.sample_surface_even(box, 500, seed=[seed, 0])[0] for seed in range(8)]
    assert any(len(points) < 500 for points in even), "or nothing is topped up"
    assert all(np.array_equal(ours[: len(theirs)], theirs) for ours, theirs in zip(drawn, even, strict=True))


def test_surface_points_move_with_the_mesh() -> None:
    """So that one sampling serves both fits."""
    mesh = moved(body(), shift=0.3)
    turn = trimesh.transformations.rotation_matrix(2.0, (0, 1, 0))
    before, after = surface_points(mesh, 200, 4), surface_points(mesh.copy().apply_transform(turn), 200, 4)
    np.testing.assert_allclose(trimesh.transform_points(before, turn), after, atol=1e-9)


def test_remeshing_keeps_size_and_place() -> None:
    mesh = moved(body(), shift=0.7)
    again = remeshed(mesh, solid_voxels(mesh, 0.05))
    assert again.is_watertight
    np.testing.assert_allclose(again.extents, mesh.extents, rtol=0.03)
    np.testing.assert_allclose(again.centroid, mesh.centroid, atol=1e-6)


@pytest.mark.parametrize("pitch", [0.2, 0.07])
def test_voxels_agree_with_trimesh(pitch: float) -> None:
    ours, theirs = solid_voxels(body(), pitch), body().voxelized(pitch).fill()
    assert ours.volume == pytest.approx(theirs.volume, rel=0.01)
    np.testing.assert_allclose(ours.bounds, theirs.bounds, atol=1e-9)


def test_the_same_seed_gives_the_same_number() -> None:
    first, second = (chamfer(body(), moved(body(), scale=2), CONFIG) for _ in range(2))
    assert first == second


def test_a_flat_mesh_neither_hangs_nor_exhausts_memory() -> None:
    flat = trimesh.creation.box((1, 1e-6, 1))
    assert np.isfinite(chamfer(flat, body(), ChamferConfig(voxels=8, icp_points=100, points=100)).scaled)


def test_a_point_is_refused() -> None:
    point = trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False)
    with pytest.raises(ValueError, match="no volume"):
        chamfer(point, body(), CONFIG)


def test_the_benchmark_constants_are_its_own() -> None:
    assert (ANIMODEL.voxels, ANIMODEL.icp_points, ANIMODEL.icp_iterations, ANIMODEL.points) == (100, 8000, 200, 60_000)
