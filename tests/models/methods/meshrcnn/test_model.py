import torch
import trimesh

from models.methods.meshrcnn.model import Look, MeshPredictor, PredictorConfig
from models.methods.meshrcnn.networks import Features
from models.methods.meshrcnn.state import project

SMALL = PredictorConfig(grid=12, channels=16, width=16, stages=2, convolutions=2)


def predictor(config=SMALL):
    torch.manual_seed(0)
    return config.build()


def look_of(occupied):
    """What would be read off crops whose occupancy is known."""
    batch, grid = len(occupied), occupied.shape[1]
    maps = Features(torch.rand(batch, 16, grid, grid), torch.rand(batch, 48, grid // 4, grid // 4))
    direction = torch.tensor([[0.0, 0.0, 1.0]]).expand(batch, 3)
    return Look(maps, 10.0 * occupied - 5, torch.linspace(1, 2, batch), direction)


def block():
    occupied = torch.zeros(3, 12, 12, 12, dtype=torch.bool)
    occupied[0, 3:9, 6:9, 2:10] = True
    occupied[2, 4:6, 4:6, 4:6] = True
    return occupied


def test_the_surface_before_refinement_is_closed_and_covers_its_voxels():
    meshes = predictor().cubes(look_of(block()))
    assert meshes.is_empty().tolist() == [False, True, False]
    mesh = meshes.mesh(0)
    solid = trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False)
    assert solid.is_watertight and solid.volume > 0, "outward, though two axes are turned round"
    ndc = project(mesh.vertices[0])
    assert torch.allclose(ndc.amin(0), torch.tensor((-0.5, 0.0)), atol=1e-5)
    assert torch.allclose(ndc.amax(0), torch.tensor((0.5, 0.5)), atol=1e-5)
    assert torch.allclose(mesh.vertices[0, :, 2].aminmax().max, torch.tensor(1 / 2 * 4 / 6), atol=1e-5)


def test_surfaces_of_random_grids_are_closed():
    occupied = torch.rand(4, 12, 12, 12, generator=torch.Generator().manual_seed(1)) < 0.3
    meshes = predictor().cubes(look_of(occupied))
    for row in range(4):
        mesh = meshes.mesh(row)
        assert trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False).is_watertight


def test_every_stage_answers_and_an_empty_grid_stays_empty():
    refined = predictor().refine(look := look_of(block()), predictor().cubes(look))
    assert len(refined) == 2
    assert all(meshes.is_empty().tolist() == [False, True, False] for meshes in refined)
    nothing = look_of(torch.zeros(2, 12, 12, 12, dtype=torch.bool))
    assert all(meshes.is_empty().all() for meshes in predictor().refine(nothing, predictor().cubes(nothing)))


def test_a_voxel_is_occupied_from_the_threshold_on():
    look = look_of(block())
    logit = torch.tensor((0.21, 0.19)).logit()
    look.logits[1, 0, 0, :2] = logit
    assert predictor().occupied(look)[1].nonzero().tolist() == [[0, 0, 0]]


def test_rows_are_what_they_were_in_the_batch():
    model, image = predictor(), torch.rand(3, 48, 48, 3)
    look = model.look(image, torch.ones(3, 48, 48))
    alone = model.look(image[1:2], torch.ones(1, 48, 48))
    assert torch.allclose(look.rows(torch.tensor([1])).logits, alone.logits, atol=1e-5)
    assert isinstance(model, MeshPredictor) and SMALL.pixels == 48
