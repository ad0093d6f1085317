from dataclasses import replace
from math import radians, tan

import pytest
import torch

from models.core.category import VIEWS, Words
from models.data.crops import random
from models.data.parts import WHOLE, Part
from models.geometry.cameras import view_word
from models.geometry.mesh import Mesh
from models.methods.farm3d.distillation import DistillationConfig, backdrop, compose, virtual_cameras, virtual_lights
from models.rendering.types import Rendering
from tests.models.methods.magicpony.losses.test_reconstruction import photo, square

COW = Words(name="cow")
PROMPTS = {view: f"a cow, {view} view" for view in VIEWS}
SIZE = 16


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def boxes(count: int) -> Mesh:
    """The corners of a body 1 wide, 2 high and 4 long, off the origin."""
    corners = torch.cartesian_prod(torch.tensor([-0.5, 0.5]), torch.tensor([-1.0, 1.0]), torch.tensor([-2.0, 2.0]))
    return Mesh((corners + torch.tensor([0.0, 0.4, 0.1])).expand(count, -1, -1), torch.tensor([[0, 1, 2]]))


def drawn(colour: torch.Tensor, count: int) -> Rendering:
    """A flat picture in one learnable colour that covers the left half."""
    mask = torch.zeros(count, SIZE, SIZE)
    mask[:, :, : SIZE // 2] = 1
    flat = mask[..., None] * colour
    return Rendering(
        rgb=flat, mask=mask, albedo=flat, shading=mask * colour.mean(), features=None, normal=flat, depth=mask,
        visible=torch.ones(count, 1, dtype=torch.bool),
    )  # fmt: skip


class WantsColour:
    """A teacher whose latents are 4 x 4 averages and that believes every clean picture is one flat colour."""

    def __init__(self, colour: tuple[float, float, float]) -> None:
        self.clean = torch.tensor(colour).view(1, 3, 1, 1)
        self.alphas_cumprod = torch.linspace(0.99, 0.01, 1000)
        self.prompts: list[str] = []
        self.sampled: object = None

    def encode(
        self, images: torch.Tensor, sample: bool = False, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        self.sampled = sample and generator
        return torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2), 4)

    def predict_noise(
        self, latents: torch.Tensor, t: torch.Tensor, prompts: list[str], guidance: float
    ) -> torch.Tensor:
        self.prompts += prompts
        alpha = self.alphas_cumprod[t].view(-1, 1, 1, 1)
        return (latents - alpha.sqrt() * self.clean) / (1 - alpha).sqrt()


def distil(
    colour: torch.Tensor,
    teacher: WantsColour,
    seed: int,
    mix: tuple[float, float, float] = (0, 0, 1),
    **knobs: object,
):
    config = DistillationConfig(size=SIZE, mix=mix, **knobs)
    return config.build(teacher, COW)(
        boxes(4), lambda *_: drawn(colour, 4), photo(square(4, 8).expand(4, -1, -1)), 0.5, seeded(seed)
    )


def test_descent_leads_to_what_the_teacher_believes() -> None:
    colour = torch.full((3,), 0.5, requires_grad=True)
    teacher = WantsColour((0.8, 0.2, 0.4))
    optimizer = torch.optim.Adam([colour], lr=0.1)
    for step in range(30):
        optimizer.zero_grad()
        distil(colour, teacher, step).loss.backward()
        optimizer.step()
    assert torch.allclose(colour, teacher.clean.flatten(), atol=0.06)


def test_the_gradient_at_the_latents_is_the_weighted_noise_error() -> None:
    colour = torch.full((3,), 0.5, requires_grad=True)
    teacher = WantsColour((0.5, 0.5, 0.5))
    done = distil(colour, teacher, 0)
    done.loss.backward()
    background = done.pictures[:, 0, -1]
    assert colour.grad.abs().max() < 1e-6, "the animal has the wanted colour already"
    assert done.notes["sds_gradient"] > 0
    assert not torch.allclose(background[0], background[1]), "every sample has its own background"


def test_prompts_say_where_the_camera_is() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    done = distil(torch.ones(3), teacher, 3)
    camera = virtual_cameras(DistillationConfig(), boxes(4), seeded(3))
    assert teacher.prompts == [PROMPTS[view_word(azimuth)] for azimuth in camera.azimuth.tolist()]
    assert all(caption.startswith(prompt) for caption, prompt in zip(done.captions, teacher.prompts, strict=True))


def test_the_authors_words_part_at_30_degrees_and_look_down_from_60() -> None:
    config = DistillationConfig(prompt="a photo of {name}, {view} view", front_deg=30, overhead_deg=60)
    words = {
        (azimuth, elevation): config.word(radians(azimuth), radians(elevation))
        for azimuth in (0, 29, 31, 149, 151)
        for elevation in (0, 59, 61)
    }
    for elevation in (0, 59):
        assert [words[azimuth, elevation] for azimuth in (0, 29, 31, 149, 151)] == [
            "front", "front", "side", "side", "back",
        ]  # fmt: skip
    assert all(words[azimuth, 61] == "overhead" for azimuth in (0, 29, 31, 149, 151))
    assert DistillationConfig().word(radians(44), radians(89)) == "front", "ours: 45 degrees and no word from above"


def test_a_view_from_above_is_worded_and_counted_so_where_there_is_a_word_for_it() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    knobs = {"prompt": "a DSLR image of {name}, {view} view", "overhead_deg": 60, "elevation_deg": (70, 80)}
    done = distil(torch.ones(3), teacher, 3, **knobs)
    assert teacher.prompts == ["a DSLR image of cow, overhead view"] * 4
    assert done.notes["sds_overhead"] == 1
    assert "sds_overhead" not in distil(torch.ones(3), teacher, 3).notes


@pytest.mark.parametrize("prompt", ["a cow", "{name}", "{name} {view} {place}"])
def test_a_prompt_holds_the_name_and_the_view(prompt: str) -> None:
    with pytest.raises(ValueError, match="it has to hold {name} and {view}"):
        DistillationConfig(prompt=prompt)


def test_a_sample_of_the_posterior_is_scored_only_where_that_is_asked() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    distil(torch.ones(3), teacher, 0)
    assert not teacher.sampled
    distil(torch.ones(3), teacher, 0, latents="sample")
    assert isinstance(teacher.sampled, torch.Generator)


def test_the_gradient_is_w_times_the_excess_of_the_noise() -> None:
    teacher = WantsColour((0.5, 0.2, 0.1))
    latents, noise, t = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4, generator=seeded()), torch.tensor([20, 600])
    gradient, weight = DistillationConfig().build(teacher, COW)._gradient(latents, t, noise, ["", ""], 1.0)
    alpha = teacher.alphas_cumprod[t].view(-1, 1, 1, 1)
    # The teacher's noise is what takes noisy latents to its own picture: the excess is the pictures' difference.
    excess = (alpha / (1 - alpha)).sqrt() * (latents - teacher.clean)
    assert torch.allclose(weight, 1 - alpha) and torch.allclose(gradient, (1 - alpha) * excess, atol=1e-4)


def test_the_loss_hands_that_gradient_to_the_latents_in_the_mean_and_no_factor_more() -> None:
    class KeepsLatents(WantsColour):
        def encode(self, *arguments: object) -> torch.Tensor:
            self.latents = super().encode(*arguments)
            self.latents.retain_grad()
            return self.latents

    teacher = KeepsLatents((0.8, 0.2, 0.4))
    done = distil(torch.full((3,), 0.5, requires_grad=True), teacher, 0)
    done.loss.backward()
    length = teacher.latents.grad.square().mean().sqrt() * teacher.latents.numel()
    assert length.item() == pytest.approx(done.notes["sds_gradient"], rel=1e-4)


def test_one_seed_gives_one_step() -> None:
    teacher = WantsColour((0.8, 0.2, 0.4))
    mix = (0.2, 0.4, 0.4)
    first, again = (distil(torch.ones(3) / 2, teacher, 7, mix) for _ in range(2))
    assert first.loss == again.loss
    assert torch.equal(first.pictures, again.pictures)
    assert first.notes == again.notes
    assert first.notes["sds_albedo"] + first.notes["sds_shading"] + first.notes["sds_full"] == pytest.approx(1)


def test_a_latent_the_teacher_overflows_on_says_nothing() -> None:
    colour = torch.full((3,), 0.5, requires_grad=True)
    teacher = WantsColour((float("nan"), 0.2, float("inf")))
    distil(colour, teacher, 0).loss.backward()
    assert colour.grad.isfinite().all()
    assert colour.grad[0] == 0


def test_cameras_are_uniform_in_area_around_the_animal() -> None:
    camera = virtual_cameras(DistillationConfig(), boxes(4000), seeded())
    height = camera.elevation.sin()
    assert height.min() >= -0.18
    assert height.max() <= 1
    assert torch.histc(height, 4, -0.1736, 1).std() < 0.05 * 1000
    assert torch.histc(camera.azimuth, 4, -torch.pi, torch.pi).std() < 0.05 * 1000
    distance = camera.position.norm(dim=-1)
    assert distance.min() >= 9 - 1e-4
    assert distance.max() <= 11 + 1e-4


def test_overhead_cameras_are_upright_and_finite() -> None:
    config = DistillationConfig(elevation_deg=(89.9, 90))
    rotation = virtual_cameras(config, boxes(8), seeded()).T_camera_world[:, :3, :3]
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3).expand(8, 3, 3), atol=1e-5)


def test_framed_animals_are_centred_whole_and_of_the_photos_size() -> None:
    mesh = boxes(200)
    camera = virtual_cameras(DistillationConfig(elevation_deg=(-5, 25), fill=(0.2, 0.45)), mesh, seeded())
    ndc = camera.project(mesh.vertices)
    low, high = ndc.amin(1), ndc.amax(1)
    assert (low + high).abs().max() < 0.15
    assert low.min() > -1
    assert high.max() < 1
    covered = (0.55 * (high - low).prod(-1) / 4).median()
    assert 0.2 < covered < 0.45


def test_lights_shine_mostly_from_the_camera() -> None:
    light = virtual_lights(4000, torch.device("cpu"), seeded())
    assert torch.allclose(light.direction.norm(dim=-1), torch.ones(4000), atol=1e-5)
    assert 0.75 < (light.direction[:, 2] > 0).float().mean() < 0.9
    assert light.ambient[0] == 0.5
    assert light.diffuse[0] == pytest.approx(0.8)


def test_each_component_is_shown_over_the_background() -> None:
    rendering = drawn(torch.tensor([0.2, 0.4, 0.6]), 3)
    shown = compose(rendering, ["albedo", "shading", "full"], torch.full((3, 1, 1, 3), 0.9))
    assert torch.allclose(shown[0, 0, 0], torch.tensor([0.2, 0.4, 0.6]))
    assert torch.allclose(shown[1, 0, 0], torch.full((3,), 0.2)), "shading is grey and halved"
    assert torch.allclose(shown[:, 0, -1], torch.full((3, 3), 0.9))


def test_the_photos_own_background_is_its_row_means_without_the_animal() -> None:
    batch = photo(square(2, 4))
    sky = torch.zeros_like(batch.image)
    sky[:, :8, :, 2] = 1
    image = torch.where(batch.mask[..., None] > 0, torch.tensor([1.0, 0.0, 0.0]), sky)
    found = backdrop(replace(batch, image=image), SIZE)
    assert found.shape == (1, SIZE, 1, 3)
    assert (found[..., 0] == 0).all(), "nothing of the red animal"
    assert found[0, 2, 0, 2] > 0.9
    assert found[0, 13, 0, 2] < 0.1


def test_rows_outside_the_picture_take_the_colour_next_to_them() -> None:
    batch = photo(square(4, 4), 0.25)
    valid = torch.ones_like(batch.valid)
    valid[:, :3] = 0
    blackened = replace(batch, image=batch.image * valid[..., None], valid=valid)
    assert torch.allclose(backdrop(blackened, 32), torch.tensor(0.25), atol=1e-3)


def test_half_the_view_is_the_fov() -> None:
    camera = virtual_cameras(DistillationConfig(), boxes(1), seeded())
    assert tan(camera.fov / 2) * 10 == pytest.approx(2.217, abs=1e-3)
    assert camera.fov == pytest.approx(radians(25))


def test_an_animal_is_seen_and_judged_alike_in_a_part_of_its_batch() -> None:
    def distilled(part: Part, images: int):
        config = DistillationConfig(size=SIZE, latents="sample", fill=(0.2, 0.4))
        return config.build(WantsColour((0.8, 0.2, 0.4)), COW)(
            boxes(images),
            lambda camera, light, size: drawn(light.direction.abs().mean(0), images),
            photo(square(4, 8).expand(images, -1, -1)),
            0.5,
            random("step", part=part),
        )

    whole, parts = distilled(WHOLE, 4), [distilled(Part(number, 2), 2) for number in range(2)]
    assert [caption for part in parts for caption in part.captions] == list(whole.captions)
    background = [part.pictures[:, 0, -1] for part in parts]
    assert torch.equal(torch.cat(background), whole.pictures[:, 0, -1])
    lights = [virtual_lights(2, torch.device("cpu"), random(1, part=Part(number, 2))).direction for number in range(2)]
    assert torch.equal(torch.cat(lights), virtual_lights(4, torch.device("cpu"), random(1)).direction)
    places = [virtual_cameras(DistillationConfig(), boxes(2), random(1, part=Part(number, 2))) for number in range(2)]
    seen = virtual_cameras(DistillationConfig(), boxes(4), random(1))
    assert torch.equal(torch.cat([each.azimuth for each in places]), seen.azimuth)
