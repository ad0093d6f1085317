"""Photos from a prompt."""

from models.generators.stable_diffusion import StableDiffusion, StableDiffusionConfig

Generator = StableDiffusionConfig
"""The one kind of generator so far; a second one makes this a union tagged by `kind`."""

__all__ = ["Generator", "StableDiffusion", "StableDiffusionConfig"]
