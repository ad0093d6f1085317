"""Keypoints ride on vertices."""

import numpy as np

from models.metrics.keypoints import PckConfig, nearest_vertices, pck, transfer_errors, visible_vertices

RANDOM = np.random.default_rng(0)
SHAPE = RANDOM.uniform(-1, 1, (50, 2))


def pictures(count: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One flat shape scaled and shifted; its keypoints are vertices 0-3, all seen."""
    projections = np.stack([SHAPE * RANDOM.uniform(0.5, 1) + RANDOM.uniform(-0.2, 0.2, 2) for _ in range(count)])
    return projections[:, :4], np.ones((count, 4), bool), projections, np.ones((count, 50), bool)


def test_a_perfect_mesh_carries_every_keypoint_home() -> None:
    errors = transfer_errors(*pictures())
    np.testing.assert_allclose(errors, 0, atol=1e-12)
    np.testing.assert_array_equal(pck(errors, np.ones(5), PckConfig()), 1)


def test_shuffled_vertices_carry_them_astray() -> None:
    keypoints, seen, projections, visible = pictures()
    shuffled = np.stack([RANDOM.permutation(each) for each in projections])
    assert pck(transfer_errors(keypoints, seen, shuffled, visible), np.full(5, 2.0), PckConfig()).mean() < 0.5


def test_a_hidden_vertex_is_never_chosen() -> None:
    visible = np.ones(50, bool)
    visible[0] = False
    assert nearest_vertices(SHAPE[:1], SHAPE, visible)[0] != 0


def test_only_keypoints_seen_in_both_count() -> None:
    keypoints, seen, projections, visible = pictures()
    seen[:, 0], seen[1:, 1] = False, False
    shares = pck(transfer_errors(keypoints, seen, projections, visible), np.ones(5), PckConfig())
    assert np.isnan(shares[:2]).all()
    np.testing.assert_array_equal(shares[2:], 1)


def test_the_threshold_is_a_share_of_the_padded_box() -> None:
    errors = np.full((2, 2, 1), 0.108)
    assert pck(errors, np.ones(2), PckConfig())[0] == 1
    assert pck(errors, np.ones(2), PckConfig(padding=0))[0] == 0


def test_a_picture_is_never_its_own_target() -> None:
    errors = np.stack([np.where(np.eye(3)[..., None], 0.0, 9.0)])[0]
    assert pck(errors, np.ones(3), PckConfig())[0] == 0


def test_pairs_are_drawn_by_the_seed() -> None:
    errors = RANDOM.uniform(0, 0.3, (6, 6, 2))
    one, same, other = (pck(errors, np.ones(6), PckConfig(pairs=9, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_vertex_is_visible_with_one_of_its_faces() -> None:
    faces = np.array([[0, 1, 2], [1, 2, 3]])
    assert visible_vertices(faces, np.array([True, False]), 4).tolist() == [True, True, True, False]
    assert not visible_vertices(faces, np.array([False, False]), 4).any()
