from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from models.data.columns import COLUMNS
from models.export.column_makers import MAKERS, DerivationConfig, derive_columns, novel_cameras
from models.geometry.cameras import OrthographicCamera, PerspectiveCamera, look_at
from models.geometry.kinematics import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig
from models.rendering import ReferenceConfig, deferred
from models.rendering.types import Light
from tests.models.cloud import Cloud

CONFIG = DerivationConfig(views=3, size=16, points=5)
FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
CORNERS = torch.tensor([[1.0, -0.6, -1.0], [-1.0, -0.6, -1.0], [0.0, -0.6, 1.0], [0.0, 1.0, 0.0]])
RENDERER = ReferenceConfig().build(torch.device("cpu"))


@dataclass(frozen=True)
class Pyramids:
    """Red pyramids on two bones."""

    angles_rad: torch.Tensor
    camera: PerspectiveCamera

    def __len__(self):
        return len(self.angles_rad)

    def pick(self, row, count=1):
        def take(values):
            return values[row : row + 1].expand(count, *values.shape[1:])

        return Pyramids(take(self.angles_rad), self.camera.apply(take))

    def rest(self):
        return Mesh(CORNERS[None], FACES)

    def rig(self):
        ends = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]])
        return Rig(ends[None].expand(len(self.angles_rad), -1, -1, -1), (-1, 0))

    def skin_weights(self):
        return skin_weights(CORNERS[None], self.rig().ends)

    def angles(self):
        return self.angles_rad

    @property
    def legs(self):
        return 0

    def posed(self, angles):
        return replace(self, angles_rad=angles)

    def with_surface(self, vertices):
        raise NotImplementedError

    def mesh(self, row):
        one = self.pick(row)
        return Mesh(blend(CORNERS[None], one.skin_weights(), bone_motions(one.rig(), one.angles_rad)), FACES)

    def render(self, size, camera=None, light=None):
        count = len(self.angles_rad)
        mesh = Mesh(torch.cat([self.mesh(row).vertices for row in range(count)]), FACES)
        surface = deferred.Surface(
            mesh, CORNERS[None], lambda points, _: torch.tensor([1.0, 0, 0]).expand_as(points), None
        )
        lamp = Light(
            torch.tensor([[0.0, 0.0, 1.0]]).expand(count, 3), torch.full((count,), 0.5), torch.full((count,), 0.5)
        )
        return deferred.render(RENDERER, surface, camera or self.camera, light or lamp, size)


@pytest.fixture
def two():
    angles = 0.4 * torch.arange(12.0).reshape(2, 2, 3).sin()
    return Pyramids(angles, look_at(torch.tensor([0.3, 2.0]), torch.tensor([0.1, 0.4])))


def derived(reconstruction, *names, keys=("cow-1", "cow-2")):
    members = derive_columns(reconstruction, keys, names, CONFIG)
    return [[COLUMNS[n].decode(one[COLUMNS[n].extension], "0").estimate for n in names] for one in members]


def test_the_column_of_each_crop_is_its_own_answer(two):
    for row, (camera, mesh, bones) in enumerate(derived(two, "cam", "mesh", "arti")):
        assert np.array_equal(camera.T_camera_world, two.camera.T_camera_world[row].numpy())
        assert camera.fov == np.float32(two.camera.fov)
        assert np.array_equal(mesh.vertices, two.mesh(row).vertices[0].numpy())
        assert np.array_equal(mesh.rest, CORNERS.numpy()) and np.array_equal(mesh.faces, FACES.numpy())
        assert np.array_equal(bones.angles, two.angles_rad[row].numpy())


def test_the_bones_pose_the_rest_surface(two):
    for mesh, bones in derived(two, "mesh", "arti"):
        rig = Rig(torch.from_numpy(bones.ends)[None], (-1, 0))
        motions = bone_motions(rig, torch.from_numpy(bones.angles)[None])
        posed = blend(torch.from_numpy(mesh.rest)[None], torch.from_numpy(bones.weights)[None], motions)
        assert np.allclose(posed[0].numpy(), mesh.vertices, atol=1e-6)


def test_keypoints_are_projected_vertices_and_what_is_behind_is_hidden(two):
    for row, (points,) in enumerate(derived(two, "kp")):
        assert list(points.vertex) == [0, 1, 2, 3]
        assert np.allclose(points.points, two.pick(row).camera.project(two.mesh(row).vertices)[0].numpy(), atol=1e-6)
    below = replace(two, angles_rad=torch.zeros(2, 2, 3), camera=look_at(torch.zeros(2), torch.full((2,), -1.5)))
    ((points,), _) = derived(below, "kp")
    assert list(points.visible) == [True, True, True, False]


def test_views_are_drawn_all_round_and_depend_on_nothing_but_the_key(two):
    (one, other), again = derived(two, "views"), derived(two, "views")
    assert np.array_equal(one[0].T_camera_world, again[0][0].T_camera_world)
    assert not np.array_equal(one[0].T_camera_world, other[0].T_camera_world)
    assert (
        derive_columns(two.pick(1), ["cow-2"], ["views"], CONFIG)
        == derive_columns(two, ["cow-1", "cow-2"], ["views"], CONFIG)[1:]
    )
    views = one[0]
    assert views.rgb.shape == (3, 16, 16, 3) and views.mask.any((1, 2)).all() and not views.mask.all()
    assert (views.rgb[~views.mask] == 0).mean() > 0.9 and views.rgb[views.mask][:, 0].mean() > 60
    assert np.median(views.albedo[views.mask][:, 0]) == 255 > np.median(views.rgb[views.mask][:, 0]), "no light on it"
    sectors = novel_cameras("cow-1", CONFIG).azimuth % (2 * np.pi) // (2 * np.pi / 3)
    assert sorted(sectors.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "lacking"),
    [("cam", "perspective camera"), ("mesh", "surface"), ("arti", "bones"), ("kp", "surface"), ("views", "pictures")],
)
def test_what_an_answer_does_not_have_is_named(name, lacking):
    with pytest.raises(ValueError, match=f"column '{name}' cannot be derived of a Cloud, which has no {lacking}; take"):
        derive_columns(Cloud(), ["cow-1"], [name], CONFIG)


def test_a_camera_of_another_kind_has_no_field_of_view(two):
    flat = replace(two, camera=OrthographicCamera(two.camera.T_camera_world, 1.0))
    with pytest.raises(
        ValueError, match="column 'cam' cannot be derived of a Pyramids, which has no perspective camera"
    ):
        derive_columns(flat, ["a", "b"], ["cam"], CONFIG)


@pytest.mark.parametrize("name", ["uv", "image", "depht"])
def test_a_column_that_nobody_derives_is_named_with_those_that_are(name):
    with pytest.raises(ValueError, match=f"column '{name}' is derived by nobody; choose among {', '.join(MAKERS)}"):
        derive_columns(Cloud(), ["cow-1"], [name], CONFIG)
