"""What holds for every pipeline of the hub: checked on Stable Diffusion 1.5, 2.1 (v-prediction) and XL."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPAGPipeline, StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor

from models.core.errors import MissingWeights
from models.filters.image_rules import ImageRules, verdict
from models.generators import StableDiffusion, StableDiffusionConfig

CPU = torch.device("cpu")
PROMPTS = ["a black cow, front view", "a white sheep, back view", "a horse"]
SEEDS = [1, 2, 3]
TOLERANCE = 2
"""Grey levels by which rounding in batches of other sizes may change a picture."""


def config(folder, **changes):
    return StableDiffusionConfig(model=str(folder), **{"steps": 2, "size": 64, "batch": 3, "guidance": 5} | changes)


def again(model, **changes):
    """The same weights with other settings."""
    pipeline = type(model.pipeline)(**model.pipeline.components | {"scheduler": model.schedule})
    return StableDiffusion(model.config.model_copy(update=changes), pipeline)


@pytest.fixture(scope="module")
def model(published):
    return config(published).build(CPU)


@pytest.fixture(scope="module")
def pictures(model):
    return model.generate(PROMPTS, SEEDS)


@pytest.fixture(scope="module")
def small(folder):
    return config(folder).build(CPU)


def apart(one, other):
    """The largest difference of two pictures in grey levels."""
    return np.abs(one.astype(int) - other).max()


def shrunk(model, monkeypatch, fits):
    """Refuses memory in the middle of every picture that has more than `fits` rows in the U-Net; lists the rows."""
    forward, rows = model.pipeline.unet.forward, []

    def greedy(latents, *arguments, **named):
        rows.append(len(latents))
        if len(latents) > fits and rows.count(len(latents)) == 2:
            torch.empty(1 << 50)
        return forward(latents, *arguments, **named)

    monkeypatch.setattr(model.pipeline.unet, "forward", greedy)
    return rows


class TestDrawing:
    def test_a_picture_depends_on_its_prompt_and_seed_not_on_company_or_order(self, model, pictures):
        assert apart(model.generate(PROMPTS[:0:-1], SEEDS[:0:-1])[::-1], pictures[1:]) <= TOLERANCE
        other_seed, other_words = model.generate([PROMPTS[0], PROMPTS[1]], [9, SEEDS[0]])
        assert apart(other_seed, pictures[0]) > 20 * TOLERANCE
        assert apart(other_words, pictures[0]) > 2 * TOLERANCE

    def test_running_out_of_memory_changes_the_batch_and_no_picture(self, model, pictures, monkeypatch):
        starved = again(model)
        rows = shrunk(starved, monkeypatch, fits=2)  # one picture, guided
        assert apart(starved.generate(PROMPTS, SEEDS), pictures) <= TOLERANCE
        assert starved.batch == 1 and rows[:2] == [6, 6] and set(rows[2:]) == {2}

    def test_a_negative_prompt_changes_every_picture(self, model, pictures):
        away = again(model, negative_prompt="a black horse, front view").generate(PROMPTS, SEEDS)
        assert all(apart(*pair) > TOLERANCE for pair in zip(away, pictures, strict=True))

    def test_no_guidance_is_one_call_without_a_second_half(self, model, monkeypatch):
        """As turbo models are sampled: one step, guidance 0."""
        turbo = again(model, guidance=0.0, steps=1, sampler="EulerAncestralDiscreteScheduler")
        rows = shrunk(turbo, monkeypatch, fits=9)
        assert apart(turbo.generate(PROMPTS[:1], [7]), turbo.generate(PROMPTS[:2], [7, 8])[:1]) <= TOLERANCE
        assert rows == [1, 2]

    def test_half_precision_is_close_to_full(self, published, pictures):
        half = config(published, dtype="bfloat16").build(CPU)
        drawn = half.generate(PROMPTS[:1], SEEDS[:1])
        assert half.pipeline.unet.dtype == half.pipeline.vae.dtype == torch.bfloat16
        assert np.abs(drawn.astype(int) - pictures[:1]).mean() < 3

    def test_only_large_pictures_are_decoded_one_by_one(self, small):
        slicing = []
        for size in (520, 512):
            vae = again(small, size=size).pipeline.vae
            slicing.append(vae.use_slicing)
            vae.disable_slicing()
        assert slicing == [True, False]


class TestTeaching:
    def test_the_estimate_is_what_the_pipeline_itself_guides_by(self, model, monkeypatch):
        """From the U-Net's calls inside the pipeline, which knows its own prompts, sizes and pooled words."""
        calls, forward = [], model.pipeline.unet.forward

        def listening(rows, t, **named):
            answer = forward(rows, t, **named)
            calls.append((rows, t, answer[0]))
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(model.pipeline.unet, "forward", listening)
            model.generate(PROMPTS[:2], SEEDS[:2])
        rows, t, answer = calls[-1]
        latents, (plain, worded) = rows[:2], answer.chunk(2)
        guided = plain + 7.5 * (worded - plain)
        if model.schedule.config.prediction_type == "v_prediction":
            alpha = model.alphas_cumprod[int(t)]
            guided = alpha.sqrt() * guided + (1 - alpha).sqrt() * latents
        estimate = model.predict_noise(latents, torch.tensor([int(t)] * 2), PROMPTS[:2], 7.5)
        assert (worded - plain).abs().max() > 1e-3
        assert torch.allclose(estimate, guided, atol=1e-4)

    def test_latents_carry_gradient_to_the_picture_and_none_to_the_weights(self, model):
        picture = torch.rand(2, 48, 48, 3, requires_grad=True)
        latents = model.encode(picture)
        latents.square().sum().backward()
        assert latents.shape == (2, 4, 8, 8) and picture.grad.abs().sum() > 0
        parts = [part for part in model.pipeline.components.values() if isinstance(part, torch.nn.Module)]
        assert len(parts) >= 3 and not any(weight.requires_grad for part in parts for weight in part.parameters())

    def test_the_sampler_does_not_change_the_opinion(self, model):
        other = again(model, sampler="EulerDiscreteScheduler")
        latents, t = torch.randn(1, 4, 8, 8), torch.tensor([300])
        assert torch.equal(other.alphas_cumprod, model.alphas_cumprod)
        assert torch.equal(*(each.predict_noise(latents, t, PROMPTS[:1], 5.0) for each in (model, other)))


class TestHalfPrecisionOfXL:
    """`diffusers` takes its autoencoder to float32 while it decodes, for it overflows in float16."""

    @pytest.mark.parametrize("published", ["sdxl"], indirect=True)
    def test_it_survives_running_out_of_memory_there_and_teaches(self, published, monkeypatch):
        half = config(published, dtype="float16", steps=1).build(CPU)
        whole, decode = half.generate(PROMPTS[:2], SEEDS[:2]), half.pipeline.vae.decode

        def greedy(latents, **named):
            return decode(latents if len(latents) == 1 else torch.empty(1 << 50), **named)

        monkeypatch.setattr(half.pipeline.vae, "decode", greedy)
        assert apart(half.generate(PROMPTS[:2], SEEDS[:2]), whole) <= 2 * TOLERANCE and half.batch == 1
        picture = torch.rand(1, 64, 64, 3, requires_grad=True)
        half.encode(picture).square().sum().backward()
        assert half._autoencoder.dtype == torch.float32 and half.pipeline.vae.dtype == torch.float16
        assert picture.grad.isfinite().all() and picture.grad.abs().sum() > 0


@pytest.mark.filterwarnings("ignore:__array_")
class TestSamplers:
    def test_every_one_that_fits_draws_a_seed_the_same_in_any_company(self, small):
        names = {each.__name__ for each in small.schedule.compatibles} - {"DPMSolverSDEScheduler"}
        assert len(names) >= 12
        for name in sorted(names):
            model = again(small, sampler=name, steps=4)
            assert type(model.pipeline.scheduler).__name__ == name
            together, alone = model.generate(PROMPTS[:2], SEEDS[:2]), model.generate(PROMPTS[1:2], SEEDS[1:2])
            assert apart(together[1], alone[0]) <= TOLERANCE and apart(*together) > 20 * TOLERANCE, name

    def test_one_with_a_memory_of_its_own_survives_running_out_of_memory(self, small, monkeypatch):
        """DPM-Solver goes on from its last estimates, which are of other pictures after a failure."""
        model = again(small, sampler="DPMSolverMultistepScheduler", steps=4)
        whole = model.generate(PROMPTS, SEEDS)
        shrunk(model, monkeypatch, fits=2)
        assert apart(model.generate(PROMPTS, SEEDS), whole) <= TOLERANCE and model.batch == 1

    @pytest.mark.parametrize("name", ["Euler", "FlowMatchEulerDiscreteScheduler", "DPMSolverSDEScheduler", "__doc__"])
    def test_another_is_refused_with_those_that_fit(self, small, name):
        with pytest.raises(ValueError, match=f"generator.sampler '{name}' .* DDIMScheduler; .* DPMSolverMultistepSch"):
            again(small, sampler=name)


class TestMemory:
    def test_one_picture_that_does_not_fit_is_named_with_its_size(self, small, monkeypatch):
        model = again(small)
        shrunk(model, monkeypatch, fits=0)
        with pytest.raises(RuntimeError, match="one picture of generator.size 64 px in float32 runs out of memory"):
            model.generate(PROMPTS, SEEDS)

    @pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError("1 PiB")])
    def test_every_kind_of_memory_counts(self, small, error, monkeypatch):
        model = again(small, batch=8)
        batch, tried = model._batch, []

        def tight(prompts, seeds):
            tried.append(len(prompts))
            if len(prompts) > 2:
                raise error
            return batch(prompts, seeds)

        monkeypatch.setattr(model, "_batch", tight)
        assert len(model.generate(PROMPTS * 3, list(range(9)))) == 9 and model.batch == 2
        assert tried == [8, 4, 2, 2, 2, 2, 1]

    def test_another_failure_is_not_taken_for_it(self, small, monkeypatch):
        model = again(small)

        def broken(prompts, seeds):
            raise RuntimeError("expected scalar type Half")

        monkeypatch.setattr(model, "_batch", broken)
        with pytest.raises(RuntimeError, match="Half"):
            model.generate(PROMPTS, SEEDS)
        assert model.batch == 3


class TestWhereItLies:
    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        """The local store of a hub that cannot be reached."""
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        return tmp_path

    @pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument")
    def test_a_hub_id_at_a_revision_is_the_same_as_its_folder(self, published, folder, hub, pictures):
        store, first, newest = hub / "models--herd--photos", "1" * 40, "2" * 40
        for part in ("refs", "snapshots"):
            (store / part).mkdir(parents=True)
        (store / "refs" / "main").write_text(newest)
        (store / "snapshots" / first).symlink_to(published)
        (store / "snapshots" / newest).symlink_to(folder)
        pinned, other = (config("herd/photos", revision=revision).build(CPU) for revision in (first, None))
        assert pinned.digest == f"herd/photos@{first}"
        assert np.array_equal(pinned.generate(PROMPTS, SEEDS), pictures)
        assert apart(other.generate(PROMPTS, SEEDS), pictures) > 20 * TOLERANCE

    @pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument")
    def test_a_hub_id_that_is_not_here_is_named_with_its_revision(self, hub):
        with pytest.raises(MissingWeights, match=r"text-to-image model in herd/photos@v2 cannot be loaded .* see that"):
            config("herd/photos", revision="v2").build(CPU)

    def test_a_variant_is_taken_by_its_name(self, small, tmp_path):
        small.pipeline.save_pretrained(tmp_path, variant="fp16")
        drawn = config(tmp_path, variant="fp16").build(CPU).generate(PROMPTS, SEEDS)
        assert np.array_equal(drawn, small.generate(PROMPTS, SEEDS))
        with pytest.raises(MissingWeights, match="cannot be loaded"):
            config(tmp_path).build(CPU)


@pytest.fixture(scope="module")
def guarded(small, tmp_path_factory):
    """A folder whose checker flags the second of the pictures."""
    torch.manual_seed(0)
    eye = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=eye | {"image_size": 64, "patch_size": 8}, projection_dim=8)
    )
    sight = CLIPImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64})
    seen = sight(list(small.generate(PROMPTS, SEEDS)), return_tensors="pt").pixel_values
    with torch.no_grad():
        faces = torch.nn.functional.normalize(checker.visual_projection(checker.vision_model(seen)[1]))
        concept = torch.nn.functional.normalize(faces[1] - faces.mean(0), dim=0)
        second, most = faces[1] @ concept, (faces @ concept)[[0, 2]].max()
        assert second - most > 0.005, "a checker rounds to a thousandth"
        checker.concept_embeds[:] = concept
        checker.concept_embeds_weights[:] = (second + most) / 2
        checker.special_care_embeds_weights[:] = 2
    folder = tmp_path_factory.mktemp("guarded")
    parts = small.pipeline.components | {"safety_checker": checker, "feature_extractor": sight}
    StableDiffusionPipeline(**parts).save_pretrained(folder)
    return folder


class TestSafetyChecker:
    def test_a_flagged_picture_is_dropped_for_a_reason_of_its_own(self, guarded, small):
        drawn, free = config(guarded).build(CPU).generate(PROMPTS, SEEDS), small.generate(PROMPTS, SEEDS)
        assert [verdict(each, ImageRules()) == "black" for each in drawn] == [False, True, False]
        assert np.array_equal(drawn[::2], free[::2]) and free[1].any()

    def test_flagged_pictures_are_kept_on_demand(self, guarded, small):
        model = config(guarded, unsafe="keep").build(CPU)
        assert model.pipeline.safety_checker is None
        assert np.array_equal(model.generate(PROMPTS, SEEDS), small.generate(PROMPTS, SEEDS))


class TestWhatCannotTeach:
    @pytest.mark.parametrize(
        ("kind", "predicts"), [(StableDiffusionPAGPipeline, "v_prediction"), (StableDiffusionPipeline, "sample")]
    )
    def test_it_draws_and_says_so(self, small, kind, predicts, tmp_path):
        scheduler = type(small.schedule).from_config(small.schedule.config, prediction_type=predicts)
        kind(**small.pipeline.components | {"scheduler": scheduler}, requires_safety_checker=False).save_pretrained(
            tmp_path
        )
        model = config(tmp_path).build(CPU)
        assert model.generate(PROMPTS[:1], SEEDS[:1]).std() > 1
        with pytest.raises(ValueError, match=f"is a {kind.__name__} that predicts {predicts}; distillation needs"):
            _ = model.alphas_cumprod
