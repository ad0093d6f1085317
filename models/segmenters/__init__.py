"""Masks of the animals in a picture."""

from typing import Annotated

from pydantic import Field

from models.segmenters.detectron2 import Detectron2, Detectron2Config
from models.segmenters.pointrend import Instance, PointRend, PointRendConfig
from models.segmenters.transformers import TransformersConfig, TransformersSegmenter

SegmenterConfig = Annotated[PointRendConfig | Detectron2Config | TransformersConfig, Field(discriminator="kind")]

__all__ = [
    "Detectron2",
    "Detectron2Config",
    "Instance",
    "PointRend",
    "PointRendConfig",
    "SegmenterConfig",
    "TransformersConfig",
    "TransformersSegmenter",
]
