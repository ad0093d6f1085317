"""From posed meshes to pictures: two renderers with one interface."""

from typing import Annotated

from pydantic import Field

from models.rendering.nvdiffrast import Nvdiffrast, NvdiffrastConfig
from models.rendering.reference import Fragments, Reference, ReferenceConfig

Renderer = Reference | Nvdiffrast
RendererConfig = Annotated[ReferenceConfig | NvdiffrastConfig, Field(discriminator="kind")]

__all__ = ["Fragments", "Nvdiffrast", "NvdiffrastConfig", "Reference", "ReferenceConfig", "Renderer", "RendererConfig"]
