import torch

from models.data.crops import batch_rows
from models.methods.meshinversion import train
from models.methods.meshinversion.model import ROWS, GeneratorConfig
from models.methods.meshinversion.state import AnimalMaps, Pictures
from models.methods.meshinversion.train import SHOWN, GanLearner, LossWeights, TrainingConfig, draw_sheet
from models.rendering.reference import Reference
from tests.models.methods.meshinversion.material import SPHERE, lessons


def learner(symmetric="nothing", **changes):
    """Three red ellipsoids of different length."""
    lengths = torch.tensor((1.0, 1.5, 2.0))[:, None, None]
    shapes = SPHERE.points * torch.cat((torch.ones_like(lengths), torch.ones_like(lengths), lengths), -1)
    colour = -torch.ones(3, 3, 64, 64)
    colour[:, 0] = 0.8
    torch.manual_seed(0)
    generator = GeneratorConfig(width=8, symmetric=symmetric).build()
    maps = AnimalMaps(SPHERE.displacement(shapes), colour)
    generator.start_from(maps.displacement)
    settings = {"steps": 30, "batch": 2, "pictures": 32, "width": 8} | changes
    return GanLearner(generator, maps, Pictures(lessons(), 32), Reference(), LossWeights(), TrainingConfig(**settings))


def test_a_step_depends_on_its_number_alone_and_steps_the_discriminators_twice():
    one, other = learner(), learner()
    steps = []
    update = one.optimisers["discriminators"].update
    one.optimisers["discriminators"].update = lambda *arguments: steps.append(1) or update(*arguments)
    assert {name: float(value) for name, value in one.step(3, 0.0).items()} == {
        name: float(value) for name, value in other.step(3, 0.0).items()
    }
    assert len(steps) == 2


def test_the_seed_alone_decides_the_discriminators():
    taught = learner()

    def discriminators(seed):
        torch.rand(3)
        config = taught.config.model_copy(update={"seed": seed})
        again = GanLearner(taught.generator, taught.maps, taught.pictures, taught.renderer, taught.weights, config)
        return torch.cat([part.detach().flatten() for part in again.discriminators.parameters()])

    first, second, other = discriminators(0), discriminators(0), discriminators(1)
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_discriminators_see_known_animals_one_batch_after_the_other(monkeypatch):
    taught, batches = learner(), list[int]()
    monkeypatch.setattr(train, "batch_rows", lambda *given: batches.append(given[2]) or batch_rows(*given))
    for number in range(2):
        taught.step(number, 0.0)
    assert batches == [0, 1, 2, 3]


def test_the_generator_learns_what_the_animals_are_coloured_like():
    taught = learner(rate=4e-3, discriminator_rate=2e-3, decay=0.8)
    for number in range(25):
        taught.step(number, 0.0)
    red, green, blue = taught.mean.maps(torch.randn(8, 64))[1].mean((0, 2, 3))
    assert red > green + 0.3 and red > blue + 0.3


def test_discriminators_do_not_step_with_the_generator():
    taught = learner(discriminator_steps=1)
    taught.step(0, 0.0)
    before = [part.detach().clone() for part in taught.discriminators.parameters()]
    at = taught.pictures.placement.rows(torch.tensor([0, 1]))
    taught.discriminators.requires_grad_(False)
    weights = [part.detach().clone() for part in taught.generator.network.parameters()]
    taught._generate(torch.randn(2, 64), at, 0.0)
    assert all(torch.equal(*pair) for pair in zip(before, taught.discriminators.parameters(), strict=True))
    assert any(not torch.equal(*pair) for pair in zip(weights, taught.generator.network.parameters(), strict=True))


def test_the_running_mean_follows_and_is_what_is_shown():
    taught = learner()
    taught.step(0, 0.0)
    start, now = learner().generator.state_dict(), taught.generator.state_dict()
    mean = taught.mean.state_dict()
    moved = [name for name in now if not torch.equal(now[name], start[name])]
    assert moved and all((mean[name] - now[name]).norm() < (start[name] - now[name]).norm() for name in moved)
    panel = taught.panel(0.0)
    assert panel.shape == (2 * 96, SHOWN * 96, 3) and panel.max() > 50


def test_half_of_the_known_animals_are_mirrored_with_their_colours():
    taught = learner()
    taught.maps.colour[0, :, :, :32] = 1.0
    rows = torch.tensor([0, 0])
    (colour, mesh, _), _ = taught._known(rows, torch.tensor([False, True]))
    assert torch.equal(colour[1, :3], colour[0, :3].flip(-1)) and colour.shape == (2, 4, 64, 64)
    tangent = 3 + 1
    assert torch.allclose(mesh[1, tangent], -mesh[0, tangent].flip(-1) - 2 * _mean_tangent(taught), atol=1e-4)
    sheet = draw_sheet(taught.renderer, taught.mean.animals(torch.zeros(1, 64)), 32)
    assert sheet.shape == (64, 32, 3) and mesh.shape == (2, 7, ROWS, ROWS)


def test_known_animals_show_one_half_twice_where_generated_ones_do():
    taught = learner("colour")
    taught.maps.colour[0, :, :, :32] = 1.0
    taught.maps.displacement[0, 0, :, :16] += 1.0
    (colour, mesh, _), _ = taught._known(torch.tensor([0, 0]), torch.tensor([False, True]))
    white, red = colour[:, :3]
    assert (white == 1).all() and torch.equal(red, taught.maps.colour[1]), "whichever half the mirror brings first"
    normal = mesh[:, 3]
    assert torch.equal(normal[0], normal[1].flip(-1)) and not torch.allclose(normal[0], normal[1]), "shapes are free"


def _mean_tangent(taught):
    """By how much the mean animal itself is not its own mirror image, in deviations."""
    mean = taught.generator.mean[1]
    return (mean + mean.flip(-1)) / 2 / taught.generator.deviation


def test_discriminators_see_displacements_about_nothing():
    taught = learner()
    (_, mesh, _), _ = taught._known(torch.arange(3), torch.zeros(3, dtype=torch.bool))
    assert mesh[:, 3:6].mean(0).abs().max() < 1e-3 < mesh[:, 3:6].abs().max()
