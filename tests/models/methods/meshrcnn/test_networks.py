import torch
import trimesh

from models.methods.meshrcnn.networks import Backbone, PoseBranch, RefinementStage, VoxelBranch
from tests.models.geometry.test_mesh_batch import joined


def test_the_finest_map_has_a_pixel_for_each_column_of_the_grid():
    torch.manual_seed(0)
    features = Backbone(16)(torch.rand(2, 48, 48, 3), torch.ones(2, 48, 48))
    assert features.fine.shape == (2, 16, 12, 12) and features.coarse.shape == (2, 48, 3, 3)
    assert VoxelBranch(16, 12)(features).shape == (2, 12, 12, 12)
    depth, direction = PoseBranch(16, 9)(features)
    assert (depth > 0.2).all() and (depth < 3.2).all() and torch.allclose(direction.norm(dim=1), torch.ones(2))


def test_what_lies_outside_of_the_mask_is_not_seen():
    torch.manual_seed(0)
    backbone, image, mask = Backbone(16).eval(), torch.rand(1, 48, 48, 3), torch.zeros(1, 48, 48)
    mask[:, 10:30, 10:30] = 1
    other = torch.where(mask[..., None] > 0, image, torch.rand(1, 48, 48, 3))
    assert torch.equal(backbone(image, mask).fine, backbone(other, mask).fine)


def test_columns_rows_and_layers_are_in_their_places():
    branch = VoxelBranch(16, 12)
    for part in branch.layers.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.zeros_(part.weight)
    last = branch.layers[-1]
    last.bias.data = torch.arange(12.0)
    assert torch.equal(branch(Backbone(16)(torch.rand(1, 48, 48, 3), torch.ones(1, 48, 48)))[0, 3, 5], last.bias)


def test_a_stage_starts_from_the_mesh_that_it_gets_and_hands_on_what_it_has_learnt():
    torch.manual_seed(0)
    features = Backbone(16)(torch.rand(2, 48, 48, 3), torch.ones(2, 48, 48))
    meshes = joined(trimesh.creation.box((0.5,) * 3), trimesh.creation.icosphere(subdivisions=1, radius=0.5))
    moved, kept = RefinementStage(64, 0, 8, 2)(meshes, features, None)
    assert kept.shape == (len(meshes.vertices), 8)
    assert 0 < (moved.vertices - meshes.vertices).abs().max() < 0.02 and torch.equal(moved.faces, meshes.faces)
    again, _ = RefinementStage(64, 8, 8, 2)(moved, features, kept)
    assert again.vertices.shape == meshes.vertices.shape
