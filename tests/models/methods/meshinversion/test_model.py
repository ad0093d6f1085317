import torch

from models.data.crops import random
from models.geometry.mesh import Mesh
from models.methods.meshinversion.model import ROWS, Animals, GeneratorConfig, draw, sample_latents
from models.methods.meshinversion.state import Placement
from models.rendering.reference import Reference
from models.rendering.types import front_light
from tests.models.data.test_crops import CPU
from tests.models.methods.meshinversion.material import SPHERE, trained


def generator():
    torch.manual_seed(0)
    return GeneratorConfig(width=8).build()


def test_maps_are_read_as_deviations_from_the_mean_animal():
    known = 2 + 3 * torch.randn(5, 3, ROWS, ROWS, generator=torch.Generator().manual_seed(0))
    model = generator()
    model.start_from(known)
    unit = (known - model.mean) / model.deviation
    assert torch.allclose(unit.square().mean(), torch.ones(()), atol=1e-4)
    surface = model.surface(unit, torch.zeros(5, 3, 64, 64))
    assert torch.allclose(SPHERE.displacement(surface.vertices), known, atol=1e-4)
    assert torch.equal(
        model.surface(0 * unit, torch.zeros(5, 3, 64, 64)).vertices[0], SPHERE.vertices(known.mean(0)[None])[0]
    )


def test_animals_are_centred_by_the_middle_of_their_boxes():
    vertices = torch.rand(2, 5, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -2.0, 0.5])
    centred = Animals(vertices, torch.zeros(2, 3, 4, 4)).centred().vertices
    torch.testing.assert_close(centred.amax(1), -centred.amin(1))
    torch.testing.assert_close(centred[:, 1:] - centred[:, :1], vertices[:, 1:] - vertices[:, :1])


def test_latents_are_nearer_to_the_mean_where_they_are_truncated():
    whole, near = (sample_latents(50, random("test"), share) for share in (1.0, 0.5))
    assert torch.equal(near, whole / 2) and abs(float(whole.std()) - 1) < 0.05


def test_an_animal_is_drawn_where_its_placement_says_in_its_own_colours():
    animals = generator().surface(torch.zeros(2, 3, ROWS, ROWS), torch.zeros(2, 3, 64, 64))
    animals.colour[:, 0] = 1.0
    animals.colour[:, 1:] = -1.0
    turn = torch.tensor([[1.0, 0, 0, 0]]).expand(2, 4)
    shift = torch.tensor([[0.0, 0], [0.5, 0.5]])
    drawn = draw(Reference(), animals, Placement(torch.tensor([1.0, 0.5]), shift, turn), front_light(2, CPU), 48)
    large, small = drawn.mask.sum((1, 2))
    assert 3.5 < large / small < 4.5, "a quarter of the area at half the scale"
    rows, columns = (drawn.mask[1] > 0.5).nonzero().float().mean(0)
    assert rows < 23.5 < columns, "right and up"
    inside = drawn.mask > 0.99
    assert (drawn.albedo[inside] - torch.tensor((1.0, 0, 0))).abs().max() < 1e-4


def test_after_stage_one_the_mean_animal_looks_like_a_cow_from_the_side():
    maps = trained()["maps"].tensors["displacement"].float()
    width, height, length = (SPHERE.vertices(maps).mean(0).aminmax(dim=0)).max - SPHERE.vertices(maps).mean(0).amin(0)
    assert length > height > width
    assert isinstance(Mesh(SPHERE.vertices(maps), SPHERE.faces), Mesh)
