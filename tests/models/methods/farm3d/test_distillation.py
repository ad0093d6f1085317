from dataclasses import replace
from math import radians, tan

import pytest
import torch
from diffusers import DDPMScheduler
from pydantic import ValidationError

from models.core.category import VIEWS, Words
from models.core.schedule import Schedule
from models.data.crops import random
from models.data.parts import WHOLE, Part
from models.geometry.cameras import view_word
from models.geometry.mesh import Mesh
from models.methods.farm3d.distillation import (
    COMPONENTS,
    DistillationConfig,
    Distilled,
    _components,
    backdrop,
    compose,
    virtual_cameras,
    virtual_lights,
)
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
        self.noisy, self.guidance = torch.zeros(0), 0.0

    def encode(
        self, images: torch.Tensor, sample: bool = False, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        self.sampled = sample and generator
        return torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2), 4)

    def predict_noise(
        self, latents: torch.Tensor, t: torch.Tensor, prompts: list[str], guidance: float
    ) -> torch.Tensor:
        self.prompts += prompts
        self.noisy, self.guidance = latents, guidance
        alpha = self.alphas_cumprod[t].view(-1, 1, 1, 1)
        return (latents - alpha.sqrt() * self.clean) / (1 - alpha).sqrt()


def distil(
    colour: torch.Tensor,
    teacher: WantsColour,
    seed: int,
    mix: tuple[float, float, float] = (0, 0, 1),
    **knobs: object,
) -> Distilled:
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
    assert DistillationConfig(overhead_deg=0).word(0.0, 0.0) == "overhead", "from the border on"
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


def test_the_teacher_is_asked_what_its_own_scheduler_would_ask_it_and_w_is_the_share_of_noise_there() -> None:
    scheduler = DDPMScheduler(1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    teacher = WantsColour((0.5, 0.2, 0.1))
    teacher.alphas_cumprod = scheduler.alphas_cumprod
    latents, noise, t = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4, generator=seeded()), torch.tensor([20, 600])
    _, weight = DistillationConfig().build(teacher, COW)._gradient(latents, t, noise, ["", ""], 3.0)
    assert torch.allclose(teacher.noisy, scheduler.add_noise(latents, noise, t), atol=1e-6)
    assert teacher.guidance == 3
    share = scheduler.add_noise(torch.zeros(2, 1, 1, 1), torch.ones(2, 1, 1, 1), t).square()
    assert torch.allclose(weight, share, atol=1e-6)


def test_noise_levels_are_drawn_from_the_whole_range_with_both_ends() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    assert DistillationConfig().build(teacher, COW).times == (20, 600)
    teacher.alphas_cumprod = torch.linspace(0.9, 0.1, 10)
    t, noise = DistillationConfig(times=(0.2, 0.6)).build(teacher, COW)._noise(torch.zeros(400, 1, 2, 2), seeded())
    assert t.unique().tolist() == [2, 3, 4, 5, 6] and t.bincount()[2:].min() > 60
    assert noise.mean().abs() < 0.1 and abs(noise.std() - 1) < 0.1


def test_the_last_noise_level_is_one_that_there_is() -> None:
    distillation = DistillationConfig(times=(0.9, 1.0)).build(WantsColour((0.5, 0.5, 0.5)), COW)
    t, _ = distillation._noise(torch.zeros(2000, 1, 2, 2), seeded())
    assert t.max() == 999 and t.min() == 900
    for times in ((0.6, 0.2), (-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(ValidationError, match="give a share from 0 to 1, and one that is no smaller"):
            DistillationConfig(times=times)


def test_guidance_changes_over_the_run() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    distil(torch.ones(3), teacher, 0, guidance=Schedule({0.0: 20.0, 1.0: 40.0}))
    assert teacher.guidance == 30, "half-way"


def test_numbers_are_means_of_what_the_captions_say() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    done = distil(torch.ones(3), teacher, 3, (0.2, 0.4, 0.4))
    prompts, components, levels = zip(*(caption.split(" | ") for caption in done.captions), strict=True)
    t = torch.tensor([int(level.removeprefix("t ")) for level in levels])
    expected = {"sds_t": t.float().mean().item(), "sds_w": (1 - teacher.alphas_cumprod[t]).mean().item()}
    expected |= {f"sds_{view}": prompts.count(PROMPTS[view]) / 4 for view in VIEWS}
    expected |= {f"sds_{kind}": components.count(kind) / 4 for kind in COMPONENTS}
    assert {name: done.notes[name] for name in expected} == pytest.approx(expected)
    assert all(type(note) is float for note in done.notes.values()), "no tensors, which would stay on a GPU"


def test_components_are_shown_by_their_shares() -> None:
    components = _components(4000, (0.1, 0.3, 0.6), seeded())
    shares = [components.count(kind) / 4000 for kind in ("albedo", "shading", "full")]
    assert shares == pytest.approx([0.1, 0.3, 0.6], abs=0.03)


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


@pytest.mark.parametrize("overflow", ["nan", "inf", "-inf"])
def test_a_latent_the_teacher_overflows_on_says_nothing(overflow: str) -> None:
    colour = torch.full((3,), 0.5, requires_grad=True)
    distil(colour, WantsColour((float(overflow), 0.2, 0.4)), 0).loss.backward()
    assert colour.grad[0] == 0
    assert colour.grad[1:].isfinite().all() and (colour.grad[1:] != 0).all()


def test_cameras_are_uniform_in_area_around_the_animal() -> None:
    camera = virtual_cameras(DistillationConfig(), boxes(4000), seeded())
    height = camera.elevation.sin()
    assert height.min() >= -0.18
    assert height.max() <= 1
    assert torch.histc(height, 4, -0.1736, 1).std() < 0.05 * 1000
    assert torch.histc(camera.azimuth, 4, -torch.pi, torch.pi).std() < 0.05 * 1000
    assert torch.histc(camera.position.norm(dim=-1), 4, 9 - 1e-4, 11 + 1e-4).std() < 0.05 * 1000


def test_overhead_cameras_are_upright_and_finite() -> None:
    config = DistillationConfig(elevation_deg=(89.9, 90))
    rotation = virtual_cameras(config, boxes(8), seeded()).T_camera_world[:, :3, :3]
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3).expand(8, 3, 3), atol=1e-5)


def framed(fill: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower and upper corners of 200 animals in their pictures."""
    mesh = boxes(200)
    ndc = virtual_cameras(DistillationConfig(elevation_deg=(-5, 25), fill=fill), mesh, seeded()).project(mesh.vertices)
    return ndc.amin(1), ndc.amax(1)


def covered(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Share of the picture, of side 2, where an animal covers 55 % of its box."""
    return 0.55 * (high - low).prod(-1) / 4


def test_framed_animals_are_centred_and_as_large_as_asked() -> None:
    low, high = framed((0.25, 0.25))
    assert (low + high).abs().max() < 0.03
    assert covered(low, high).median().item() == pytest.approx(0.25, abs=0.001)
    sizes = torch.histc(covered(*framed((0.1, 0.2))), 4, 0.095, 0.205)
    assert sizes.sum() == 200 and sizes.std() < 15, "all sizes alike"


def test_framed_animals_are_whole_where_they_cannot_be_so_large() -> None:
    low, high = framed((0.9, 0.9))
    longer = (high - low).amax(-1)
    assert longer.median().item() == pytest.approx(1.8, abs=0.005) and longer.max() < 1.9


def test_lights_shine_mostly_from_the_camera() -> None:
    light = virtual_lights(4000, torch.device("cpu"), seeded())
    assert torch.allclose(light.direction.norm(dim=-1), torch.ones(4000), atol=1e-5)
    assert (light.direction[:, 2] > 0).float().mean().item() == pytest.approx(0.841, abs=0.02), "a deviation of 1"
    assert light.direction[:, :2].mean(0).abs().max() < 0.03, "to neither side"
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


def test_a_row_counts_by_its_distance() -> None:
    batch = photo(torch.zeros(1, SIZE, SIZE))
    image = torch.zeros_like(batch.image)
    image[:, 5] = 1
    rows = torch.arange(SIZE)
    near = 1 / (1 + ((rows[:, None] - rows) / 2) ** 2) ** 2
    shown = backdrop(replace(batch, image=image), SIZE)[0, :, 0]
    assert torch.allclose(shown, (near[:, 5] / near.sum(1))[:, None].expand(-1, 3), atol=1e-5)


def test_the_animals_border_is_no_background_either() -> None:
    batch, reds = photo(square(6, 4)), []
    for margin in (2, 3):
        ring = square(6 - margin, 4 + 2 * margin) - square(7 - margin, 2 + 2 * margin)
        reds.append(backdrop(replace(batch, image=ring[..., None] * torch.tensor([1.0, 0.0, 0.0])), SIZE).max())
    assert reds[0] == 0 < reds[1], "two pixels around it are left out, no third"


def test_the_photos_background_is_shown_where_that_is_asked() -> None:
    teacher = WantsColour((0.5, 0.5, 0.5))
    plain, photos = (distil(torch.ones(3), teacher, 0, background=kind).pictures for kind in ("colour", "photo"))
    assert torch.allclose(photos[:, :, -1], torch.tensor(0.5), atol=1e-3)
    assert plain[:, 0, -1].std(0).min() > 0.05


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
