"""From posed meshes to pictures: two renderers with one interface."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import Field

from models.rendering.nvdiffrast import Nvdiffrast, NvdiffrastConfig
from models.rendering.reference import Fragments, Reference, ReferenceConfig

Renderer = Reference | Nvdiffrast
RendererConfig = Annotated[ReferenceConfig | NvdiffrastConfig, Field(discriminator="kind")]


def best_renderer(device: str) -> NvdiffrastConfig | ReferenceConfig:
    """nvdiffrast where it is installed and the device is `cuda`, else our own, which runs everywhere."""
    return NvdiffrastConfig() if device == "cuda" and find_spec("nvdiffrast") else ReferenceConfig()


__all__ = [
    "Fragments",
    "Nvdiffrast",
    "NvdiffrastConfig",
    "Reference",
    "ReferenceConfig",
    "Renderer",
    "RendererConfig",
    "best_renderer",
]
