import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoPipelineForText2Image

from models.core.errors import MissingWeights
from models.core.weights import locate
from models.data.crops import random
from models.data.parts import Part
from models.generators import StableDiffusionConfig
from models.generators.stable_diffusion import StableDiffusion

CPU = torch.device("cpu")
PROMPTS = ["a black cow, front view", "a white sheep, back view", "a horse"]


@pytest.fixture(scope="module")
def teacher(folder):
    return StableDiffusionConfig(model=str(folder), steps=2, size=64, batch=2).build(CPU)


def test_a_photo_depends_on_its_prompt_and_seed_not_on_its_company(teacher):
    together = teacher.generate(PROMPTS, [1, 2, 3])
    alone = teacher.generate(PROMPTS[1:2], [2])
    assert together.shape == (3, 64, 64, 3) and together.dtype == np.uint8
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 2
    assert not np.array_equal(teacher.generate(PROMPTS[1:2], [4])[0], alone[0])


def test_as_many_seeds_as_prompts(teacher):
    with pytest.raises(ValueError, match="3 prompts came with 1 seeds"):
        teacher.generate(PROMPTS, [1])


def test_latents_carry_gradient_to_the_picture_and_none_to_the_weights(teacher):
    picture = torch.rand(2, 48, 48, 3, requires_grad=True)
    latents = teacher.encode(picture)
    latents.square().sum().backward()
    assert latents.shape == (2, 4, 8, 8)
    assert picture.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in teacher.pipeline.vae.parameters())


def test_latents_are_scaled(teacher):
    vae, picture = teacher.pipeline.vae, torch.rand(1, 64, 64, 3)
    plain = vae.encode(picture.permute(0, 3, 1, 2) * 2 - 1).latent_dist.mean
    assert torch.allclose(teacher.encode(picture), 0.5 * plain, atol=1e-5)


@pytest.mark.parametrize("overflows", [True, False])
def test_of_an_sdxl_in_float16_only_an_autoencoder_that_overflows_is_copied(overflows):
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, force_upcast=overflows).half()
    teacher = StableDiffusion.__new__(StableDiffusion)
    teacher.pipeline = type("StableDiffusionXLPipeline", (), {"vae": vae})()
    assert teacher._autoencoder.dtype == (torch.float32 if overflows else torch.float16)
    assert (teacher._autoencoder is vae) != overflows


def test_guidance_goes_from_the_empty_prompt_through_the_prompt(teacher):
    latents, t = torch.randn(2, 4, 8, 8), torch.tensor([100, 700])
    none, one, two = (teacher.predict_noise(latents, t, PROMPTS[:2], guidance) for guidance in (0.0, 1.0, 2.0))
    assert torch.allclose(two - one, one - none, atol=1e-4)
    assert torch.allclose(none, teacher.predict_noise(latents, t, ["", ""], 5.0), atol=1e-4)
    assert not two.requires_grad


def test_a_picture_is_that_of_the_published_call(teacher):
    pictures = teacher.pipeline(
        PROMPTS[0], height=64, width=64, num_inference_steps=2, guidance_scale=2.0,
        generator=torch.Generator().manual_seed(1),
    ).images  # fmt: skip
    assert np.array_equal(teacher.generate(PROMPTS[:1], [1])[0], np.asarray(pictures[0])), "rounded as diffusers rounds"


def test_the_velocity_is_turned_into_noise(teacher):
    """Taking the estimated noise out of the latents gives the same picture as taking the velocity out."""
    latents, t = torch.randn(1, 4, 8, 8), torch.tensor([300])
    alpha = teacher.alphas_cumprod[300]
    noise = teacher.predict_noise(latents, t, ["a cow"], 1.0)
    tokenizer, encoder = teacher.pipeline.tokenizer, teacher.pipeline.text_encoder
    words = encoder(tokenizer("a cow", padding="max_length", return_tensors="pt").input_ids).last_hidden_state
    velocity = teacher.pipeline.unet(latents, t, words).sample
    assert torch.allclose(
        (latents - (1 - alpha).sqrt() * noise) / alpha.sqrt(),
        alpha.sqrt() * latents - (1 - alpha).sqrt() * velocity,
        atol=1e-4,
    )


def test_sampling_agrees_with_the_protocol_at_pure_noise(teacher):
    assert teacher.alphas_cumprod[-1] == pytest.approx(0, abs=1e-6)
    assert teacher.alphas_cumprod.diff().max() < 0


def test_the_digest_is_of_the_files(folder, teacher):
    assert teacher.digest == StableDiffusionConfig(model=str(folder)).digest() and len(teacher.digest) == 64
    assert StableDiffusionConfig(model="runwayml/sd", revision="abc").digest() == "runwayml/sd@abc"


def test_absent_and_broken_weights_are_named(folder, tmp_path):
    import shutil

    with pytest.raises(MissingWeights, match="weights/none does not exist"):
        StableDiffusionConfig(model="weights/none").build(CPU)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"half a file")
    with pytest.raises(MissingWeights, match="the text-to-image model in .* cannot be loaded"):
        StableDiffusionConfig(model=str(broken)).build(CPU)


def test_words_that_guidance_would_ignore_are_refused():
    with pytest.raises(ValueError, match="negative_prompt, which guidance 1.0 ignores; drop it"):
        StableDiffusionConfig(negative_prompt="a toy", guidance=1.0)


def test_a_typo_is_refused():
    with pytest.raises(ValueError, match="stesp"):
        StableDiffusionConfig(stesp=3)


def test_a_sample_of_the_posterior_comes_from_its_generator_and_is_not_the_mean(teacher):
    picture = torch.rand(1, 64, 64, 3)
    mean = teacher.encode(picture)
    one, again, other = (
        teacher.encode(picture, sample=True, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, again) and not torch.equal(one, other) and not torch.equal(one, mean)
    posterior = teacher.pipeline.vae.encode(picture.permute(0, 3, 1, 2) * 2 - 1).latent_dist
    assert torch.allclose(one, 0.5 * posterior.sample(torch.Generator().manual_seed(0)), atol=1e-5), "as diffusers'"


def test_an_autoencoder_of_another_training_is_refused(folder, tmp_path):
    import shutil

    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    settings = mixed / "vae" / "config.json"
    settings.write_text(settings.read_text().replace('"scaling_factor": 0.5', '"scaling_factor": 0.6'))
    with pytest.raises(MissingWeights, match=f"{mixed}/vae is .*, and the rest of {mixed} was taught with"):
        StableDiffusionConfig(model=str(mixed)).build(CPU)


@pytest.mark.parametrize("which", ["written", "shipped"])
def test_the_published_call_draws(folder, which):
    """As anybody loads a pipeline: no word of number formats, parts or samplers."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder if which == "written" else locate("weights/teacher"))
    (picture,) = pipeline("a cow, side view", num_inference_steps=1, output_type="np").images
    assert picture.shape[-1] == 3 and np.isfinite(picture).all()


def test_a_picture_is_sampled_alike_in_a_part_of_its_batch(teacher):
    pictures, parts = torch.rand(4, 64, 64, 3), [Part(number, 2) for number in range(2)]
    whole = teacher.encode(pictures, True, random("step"))
    halves = [teacher.encode(part.of(pictures), True, random("step", part=part)) for part in parts]
    assert torch.allclose(torch.cat(halves), whole, atol=1e-5)


def test_a_hub_model_is_loaded_as_it_was_fetched_first(commit, refuse):
    refuse(AutoPipelineForText2Image)
    with pytest.raises(MissingWeights, match=commit):
        StableDiffusionConfig(model="owner/model", unsafe="drop").build(CPU)
