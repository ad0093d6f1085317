from math import radians

import numpy as np
import pytest
import torch
import trimesh

from models.data.columns import CameraColumn, MeshColumn
from models.geometry.cameras import FOV, look_at
from models.methods.meshrcnn.state import (
    HALF,
    Lesson,
    Lessons,
    distilled_lessons,
    from_grid,
    project,
    to_crop_frame,
    to_world,
    true_lesson,
    true_lessons,
    voxels,
)
from models.truth.barnyard import sample_scene
from tests.models.data.test_crops import CPU, crop


def lesson(mesh, seed=0):
    return Lesson(crop(seed), np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces), 0.3, 0.1)


def ball(radius, centre=(0.0, 0.0, 0.0)):
    return trimesh.creation.icosphere(subdivisions=4, radius=radius).apply_translation(centre)


def test_what_the_farms_camera_sees_is_where_the_crop_frame_has_it():
    camera = look_at(torch.tensor([0.7]), torch.tensor([0.2]))
    world = torch.randn(1, 50, 3, generator=torch.Generator().manual_seed(0))
    ndc, distance = camera.project(world)[0], camera.distance(world)[0]
    points = torch.from_numpy(to_crop_frame(ndc.numpy(), distance.numpy()))
    assert torch.allclose(project(points), ndc, atol=1e-5)
    assert float(points[:, 2].max() + points[:, 2].min()) == pytest.approx(0, abs=1e-5)
    # Nothing but its size and its distance is lost: back in the world it is similar to what it was.
    back = to_world(points[None], camera)
    ratio = torch.pdist(back[0]) / torch.pdist(world[0])
    assert ratio.std() / ratio.mean() < 1e-4
    assert torch.allclose(camera.project(back), camera.project(world), atol=1e-4)


def test_a_zoom_makes_the_animal_as_much_deeper_as_wider():
    ndc, distance = np.array([(-0.2, 0), (0.2, 0)], np.float32), np.array((9.0, 11.0), np.float32)
    near, far = (to_crop_frame(zoom * ndc, distance, zoom) for zoom in (1.0, 2.0))
    assert far[0, 2] == pytest.approx(2 * near[0, 2]) and near[0, 2] == pytest.approx(0.1 / HALF)


def test_the_grid_is_the_frustum_behind_the_picture():
    corners = torch.tensor([(0.0, 0, 0), (24, 0, 24), (12, 12, 12), (6, 18, 24)])
    points = from_grid(corners, 24, torch.full((4,), 1.6))
    assert torch.allclose(project(points), torch.tensor([(-1.0, -1), (1, -1), (0, 0), (-0.5, 0.5)]), atol=1e-6)
    assert torch.allclose(points[:, 2], torch.tensor((0.8, -0.8, 0, -0.8)), atol=1e-6), "from near to far"


def test_voxels_are_those_that_lie_inside_for_a_good_part():
    centre = np.array((0.2, -0.1, 0.0))
    ours = voxels(lesson(ball(0.6, centre)), 24)
    middles = torch.from_numpy(np.argwhere(np.ones((24,) * 3)) + 0.5).float()
    points = from_grid(middles, 24, torch.full((len(middles),), 1.2)).numpy()
    true = (np.linalg.norm(points - centre, axis=1) < 0.6).reshape((24,) * 3)
    assert not (true & ~ours).any(), "thin legs are rather kept than lost"
    assert true.sum() / ours.sum() > 0.85


def test_what_reaches_beyond_the_crop_is_cut_off():
    ours = voxels(lesson(ball(1.2)), 8)
    assert ours[:, 4, 4].all() and not ours[0, 0, 0]


def test_a_true_lesson_shows_the_mesh_where_the_mask_is():
    scene = sample_scene("cow", 3, 64)
    one = true_lesson(scene, 48)
    middles = (project(torch.from_numpy(one.vertices)) + 1) / 2 * 48
    inside = ((middles >= 0) & (middles < 48)).all(1)
    columns, rows = middles[inside].long().unbind(1)
    assert one.sample.mask[rows.numpy(), columns.numpy()].mean() > 0.9
    assert one.azimuth == float(scene.camera.azimuth[0]) and inside.float().mean() > 0.9
    # Similar to the true mesh, but for the shift of the crop: ratios of lengths are kept within a few per cent.
    some = torch.randperm(len(one.vertices), generator=torch.Generator().manual_seed(0))[:60]
    ratio = torch.pdist(torch.from_numpy(one.vertices)[some]) / torch.pdist(scene.mesh.vertices[0][some])
    assert ratio.std() / ratio.mean() < 0.05


def test_a_category_without_true_meshes_is_told_what_to_type():
    with pytest.raises(ValueError, match='the barnyard keeps no unicorn; take .*"meshes": "distilled"'):
        next(true_lessons("unicorn", 1, 48))
    assert len(list(true_lessons("sheep", 2, 48))) == 2


def test_distilled_lessons_are_what_a_release_answered():
    mesh, camera = ball(1.0), look_at(torch.tensor([1.0]), torch.tensor([radians(10)]))
    pose = CameraColumn(camera.T_camera_world[0].numpy(), np.array(FOV, np.float32))
    vertices = np.asarray(mesh.vertices, np.float32)
    (one,) = distilled_lessons([crop(0)], [pose], [MeshColumn(vertices, vertices, np.asarray(mesh.faces, np.int32))])
    seen = camera.project(torch.from_numpy(vertices)[None])[0]
    assert torch.allclose(project(torch.from_numpy(one.vertices)), seen, atol=1e-5)
    assert (one.azimuth, one.elevation) == (pytest.approx(1.0, abs=1e-5), pytest.approx(radians(10), abs=1e-5))


def test_a_mirrored_lesson_is_that_of_the_mirrored_animal():
    centre = (0.3, 0.2, 0.0)
    lessons = Lessons([lesson(ball(0.4, centre)), lesson(ball(0.5))], 16, 8, 500, CPU)
    rows = torch.tensor([0, 0])
    answers = lessons.batch(rows, torch.tensor([False, True]))
    assert torch.equal(answers.image[1], answers.image[0].flip(1)) and torch.equal(
        answers.mask[1], answers.mask[0].flip(1)
    )
    assert torch.equal(answers.occupied[1], answers.occupied[0].flip(0)) and answers.occupied[0].any()
    assert torch.allclose(answers.points.mean(1), torch.tensor([centre, (-0.3, 0.2, 0.0)]), atol=0.05)
    assert torch.allclose(answers.normals.norm(dim=-1), torch.ones(2, 500), atol=1e-5)
    assert answers.direction[1, 0] == -answers.direction[0, 0] and torch.equal(*answers.direction[:, 1:])
    assert answers.depth.tolist() == pytest.approx([0.8, 0.8], abs=1e-4)


def test_no_lesson_is_refused():
    with pytest.raises(ValueError, match="0 meshes"):
        Lessons([], 16, 8, 10, CPU)
