import pytest
import torch
from torch import Tensor

from models.core.category import Category, Skeleton
from models.data.batch import Batch
from models.methods.magicpony import model as module
from models.methods.magicpony.model import Animal, AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import PriorConfig
from models.rendering.reference import Reference

CATEGORY = Category(name="cow", segment_as=("cow",))
CONFIG = AnimalConfig(
    prior=PriorConfig(grid=16, fine_grid=16), encoder=EncoderConfig(image=32, grid=8, width=16, code=8)
)
LATE, SIZE = 0.9, 32


class PatchVit:
    """Means of patches as tokens."""

    channels = 3
    digest = "patches"

    def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
        out = torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2), 4)
        return out, out.flip(-1)


def photos(count: int = 4) -> Batch:
    image = torch.rand(count, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(count, SIZE, SIZE)
    return Batch(image, mask, mask, None, torch.arange(count) % 3, torch.arange(count))


@pytest.fixture
def animal() -> Animal:
    """With every part that starts silent made to speak."""
    torch.manual_seed(0)
    built = CONFIG.build(CATEGORY, PatchVit())
    torch.nn.init.normal_(built.prior.distance.last.weight, std=0.05)
    torch.nn.init.normal_(built.deformation.mlp.last.weight)
    torch.nn.init.normal_(built.articulation.leave.weight, std=3)
    return built


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("progress", "articulated", "deformed"), ((0.0, False, False), (0.3, True, False), (0.9, True, True))
)
def test_parts_begin_at_their_share_of_the_run(
    animal: Animal, progress: float, articulated: bool, deformed: bool
) -> None:
    found = animal(photos(), progress, random())
    assert (found.angles is not None) == articulated and (found.deformation is not None) == deformed
    assert len(found.rest) == (4 if deformed else 1) and len(found.mesh) == 4
    assert (found.mesh.vertices - found.prior).abs().max() > 0.01 or not articulated


def test_untrained_late_parts_do_not_move_the_prior_shape() -> None:
    found = CONFIG.build(CATEGORY, PatchVit()).eval()(photos(), LATE)
    assert torch.allclose(found.mesh.vertices, found.prior.expand(4, -1, -1), atol=1e-5)


def test_a_photo_gives_the_same_animal_in_any_company(animal: Animal) -> None:
    animal.eval()
    every, order = animal(photos(), LATE), torch.tensor((2, 0))
    crops = Batch(
        photos().image[order], *(photos().mask[order],) * 2, None, torch.tensor((-1, -1)), torch.tensor((7, 8))
    )
    some = animal(crops, LATE)
    assert torch.allclose(every.mesh.vertices[order], some.mesh.vertices, atol=1e-4)
    assert torch.allclose(every.camera.T_camera_world[order], some.camera.T_camera_world, atol=1e-5)
    assert torch.allclose(every.texture_code[order], some.texture_code, atol=1e-5)
    assert torch.equal(every.hypothesis[order], some.hypothesis)


def test_the_texture_sees_colours_that_the_tokens_do_not() -> None:
    class Blind(PatchVit):
        def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
            return super().tokens(torch.ones_like(images))

    torch.manual_seed(0)
    seen = CONFIG.build(CATEGORY, Blind()).eval()(photos(2), LATE)
    assert (seen.texture_code[0] - seen.texture_code[1]).abs().max() > 1e-3
    assert torch.equal(*seen.camera.T_camera_world)


def test_training_draws_everything_from_its_generator(animal: Animal) -> None:
    first, again, other = (animal(photos(), 0.0, random(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.mesh.vertices, again.mesh.vertices) and torch.equal(first.hypothesis, again.hypothesis)
    assert first.prior.shape != other.prior.shape or not torch.equal(first.prior, other.prior)


def test_deformed_animals_stay_mirror_symmetric_at_rest(animal: Animal) -> None:
    rest = animal.eval()(photos(1), LATE).rest.vertices[0].detach()
    mirrored = rest * torch.tensor((-1.0, 1, 1))
    assert torch.cdist(rest, mirrored, compute_mode="donot_use_mm_for_euclid_dist").amin(1).max() < 1e-5


def test_every_parameter_learns_from_a_late_step(animal: Animal) -> None:
    found = animal(photos(), LATE, random())
    rendering = animal.render(found, Reference(), SIZE)
    (rendering.rgb.sum() + rendering.mask.sum() + rendering.features.square().sum() + found.score.sum()).backward()
    for name, parameter in animal.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_every_parameter_is_in_one_group(animal: Animal) -> None:
    grouped = [id(p) for group in animal.parameter_groups().values() for p in group]
    assert sorted(grouped) == sorted(id(p) for p in animal.parameters())


def test_a_view_from_elsewhere_has_no_features(animal: Animal) -> None:
    found = animal.eval()(photos(), LATE)
    own = animal.render(found, Reference(), SIZE)
    other = animal.render(found, Reference(), SIZE, camera=found.camera[torch.tensor((1, 2, 3, 0))])
    assert own.features.shape == (4, SIZE, SIZE, 16) and other.features is None
    assert own.mask.max() > 0.99


def test_what_is_shown_is_exact_and_training_draws_nearly_the_same(
    animal: Animal, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    torch.nn.init.normal_(animal.albedo.mlp.last.weight)
    found = animal.eval()(photos(), LATE)
    exact = animal.render(found, Reference(), SIZE)
    rough = animal.train().render(found, Reference(), SIZE)
    assert {each.dtype for each in (exact.rgb, rough.rgb, exact.features, rough.features)} == {torch.float32}
    assert torch.equal(rough.mask, exact.mask)
    assert torch.allclose(rough.rgb, exact.rgb, atol=0.03) and torch.allclose(rough.features, exact.features, atol=0.03)
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    assert torch.equal(animal.render(found, Reference(), SIZE).rgb, exact.rgb)


def test_the_tree_is_part_of_the_state_and_changes_in_training_only(animal: Animal) -> None:
    animal.eval()(photos(), LATE)
    assert animal.tree_age == -1
    animal.train()(photos(), 0.301, random())
    assert animal.tree_age == 30
    hung = animal.attachment.clone()
    animal.prior.config = animal.prior.config.model_copy(update={"stretch": 1.0})
    animal(photos(), 0.309, random())
    assert torch.equal(animal.attachment, hung)
    other = CONFIG.build(CATEGORY, PatchVit())
    other.load_state_dict(animal.state_dict())
    assert torch.equal(other.attachment, hung) and other.tree_age == 30


def test_a_tree_that_training_saw_is_not_looked_up_again_when_an_animal_is_shown(monkeypatch) -> None:
    animal = CONFIG.model_copy(update={"articulated_from": 0.0}).build(CATEGORY, PatchVit())
    animal.train()(photos(), 0.001, random())
    assert animal.tree_age == 0
    monkeypatch.setattr(module, "attach", lambda *_: pytest.fail("looked up again"))
    animal.eval()(photos(), 0.001)


def test_the_rig_poses_the_rest_meshes_as_predicted(animal: Animal) -> None:
    found = animal.eval()(photos(), LATE)
    rig = animal.rig(found)
    assert rig.ends.shape == (4, 20, 2, 3) and rig.parents.count(-1) == 2
    assert torch.allclose(animal.posed(found.rest, rig, found.angles), found.mesh.vertices, atol=1e-5)


def test_the_distance_is_positive_inside(animal: Animal) -> None:
    inside, outside = animal.sdf(torch.tensor(((0.0, 0, 0), (3, 3, 3)))).tolist()
    assert inside > 0 > outside


def test_a_bird_does_not_start_as_a_quadruped() -> None:
    bird = CATEGORY.model_copy(update={"name": "hen", "skeleton": Skeleton(legs=2)})
    config = CONFIG.model_copy(update={"prior": CONFIG.prior.model_copy(update={"first": "quadruped"})})
    with pytest.raises(ValueError, match="first is 'quadruped' and hen has 2 legs; give 'ellipsoid'"):
        config.build(bird, PatchVit())
