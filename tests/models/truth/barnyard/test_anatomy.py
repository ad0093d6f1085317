import numpy as np
import pytest

from models.truth.barnyard.anatomy import NOSE_TO_TAIL, body
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE, PART
from models.truth.barnyard.species import SPECIES

FLIP = np.float32((-1, 1, 1))
pytestmark = pytest.mark.parametrize("category", SPECIES)


def test_the_rest_body_is_its_own_mirror_image(category):
    rest = body(category, 0)
    assert np.array_equal(rest.vertices[rest.partner], rest.vertices * FLIP)
    off_plane = rest.vertices[:, 0] != 0
    assert np.allclose(rest.weights[rest.partner][:, OPPOSITE][off_plane], rest.weights[off_plane])
    assert np.allclose(rest.joints[list(OPPOSITE)], rest.joints * FLIP, atol=1e-6)


def test_every_vertex_is_shared_among_bones_and_belongs_to_a_part(category):
    rest = body(category, 0)
    assert np.allclose(rest.weights.sum(-1), 1, atol=1e-5)
    assert (rest.weights >= 0).all()
    assert (rest.part > 0).all()
    legs = {PART[f"{side}_{end}_leg"] for side in ("left", "right") for end in ("fore", "hind")}
    assert legs | {PART["torso"], PART["head"], PART["eye"], PART["hoof"], PART["tail"], PART["ear"]} <= set(rest.part)


def test_the_mesh_is_closed_and_outward(category):
    rest = body(category, 0)
    faces, vertices = rest.faces, rest.vertices.astype(float)
    edges = np.concatenate((faces[:, :2], faces[:, 1:], faces[:, [2, 0]]))
    assert len(np.unique(edges[:, 0] * len(vertices) + edges[:, 1])) > 0.99 * len(edges)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    assert (np.cross(a, b) * c).sum() > 0
    assert 5000 < len(faces) < 15000


def test_the_animal_is_four_units_long_stands_flat_and_looks_along_z(category):
    rest = body(category, 0)
    nose, tail = (rest.vertices[rest.keypoints[KEYPOINTS.index(name)]] for name in ("nose", "tail_base"))
    assert nose[2] - tail[2] == pytest.approx(NOSE_TO_TAIL, abs=0.3)
    assert nose[0] == tail[0] == 0
    soles = rest.vertices[:, 1] == rest.vertices[:, 1].min()
    assert {bool(x > 0) for x in rest.vertices[soles, 0]} == {True, False}
    assert soles.sum() > 20


def test_keypoints_sit_on_what_they_name(category):
    rest = body(category, 0)
    where = dict(zip(KEYPOINTS, rest.part[rest.keypoints], strict=True))
    assert len(set(rest.keypoints)) == len(KEYPOINTS)
    assert where["left_eye"] == where["right_eye"] == PART["eye"]
    assert where["left_ear"] == PART["ear"]
    assert where["left_knee"] == PART["left_fore_leg"]
    assert where["right_hock"] == PART["right_hind_leg"]
    assert where["right_fore_hoof"] == PART["hoof"]


def test_individuals_differ(category):
    assert not np.array_equal(body(category, 0).vertices[:100], body(category, 1).vertices[:100])
