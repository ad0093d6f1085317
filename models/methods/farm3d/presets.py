"""Farm3D's part of the one dial: the animal model's, and score distillation."""

from models.core.schedule import Schedule
from models.generators import StableDiffusionConfig
from models.generators.known_models import EMBEDDED, STABLE_DIFFUSION_2_1, STABLE_DIFFUSION_2_1_QUICK
from models.methods.farm3d.config import Farm3DConfig
from models.methods.farm3d.distillation import DistillationConfig
from models.methods.magicpony.config import AnimalTraining
from models.methods.magicpony.presets import GPU, LAPTOP, LAPTOP_FROM_NOTHING, LAPTOP_OWN_PHOTOS, PAPER, SMOKE

DEFAULT = Farm3DConfig()
AUTHORS = DistillationConfig(
    every=1,
    prompt="a high-resolution DSLR image of {name}, {view} view",
    front_deg=30,
    overhead_deg=60,
    latents="sample",
)
"""How the code that Farm3D grew from distils."""
SUM_OF_LATENTS = Schedule({0.5: 0.0, 0.55: 1e-4 * 4 * 64 * 64})
"""The authors' weight of a sum over latents, for our mean over them; start and length are unknown in the paper."""


def with_distillation(
    animal: AnimalTraining,
    diffusion_prior: StableDiffusionConfig,
    distillation: DistillationConfig = DEFAULT.distillation,
    sds: Schedule = DEFAULT.sds,
) -> Farm3DConfig:
    """The same training with score distillation."""
    shared = {name: getattr(animal, name) for name in AnimalTraining.model_fields}
    return Farm3DConfig(**shared, diffusion_prior=diffusion_prior, distillation=distillation, sds=sds)


def with_embedded_teacher(animal: AnimalTraining) -> Farm3DConfig:
    """A small diffusion model overrates what it knows, and knows animals only as its own photos show them."""
    distillation = DistillationConfig(
        size=128,
        guidance=Schedule(7.5),
        mix=(0.3, 0.0, 0.7),
        elevation_deg=(-5.0, 25.0),
        fill=(0.2, 0.36),
        background="photo",
    )
    return with_distillation(animal, EMBEDDED, distillation, Schedule({0.5: 0.0, 0.55: 0.3}))


PRESETS = {
    "smoke": with_distillation(SMOKE, EMBEDDED, DistillationConfig(size=128)),
    "laptop": with_embedded_teacher(LAPTOP),
    # Every second step: half of the authors' dose fits into a day.
    "gpu": with_distillation(GPU, STABLE_DIFFUSION_2_1_QUICK, AUTHORS.model_copy(update={"every": 2}), SUM_OF_LATENTS),
    "paper": with_distillation(PAPER, STABLE_DIFFUSION_2_1, AUTHORS, SUM_OF_LATENTS),
}
OWN_PHOTOS = {**PRESETS, "laptop": with_embedded_teacher(LAPTOP_OWN_PHOTOS)}
FROM_NOTHING = {**PRESETS, "laptop": with_embedded_teacher(LAPTOP_FROM_NOTHING)}
