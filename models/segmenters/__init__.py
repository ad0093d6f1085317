"""Masks of the animals in a picture."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import Field

from models.segmenters.detectron2 import NEEDED, Detectron2, Detectron2Config
from models.segmenters.pointrend import Instance, PointRend, PointRendConfig
from models.segmenters.transformers import TransformersConfig, TransformersSegmenter

SegmenterConfig = Annotated[PointRendConfig | Detectron2Config | TransformersConfig, Field(discriminator="kind")]


def best_segmenter() -> Detectron2Config | TransformersConfig:
    """The papers' PointRend where detectron2 is installed with all it needs, else Mask2Former: pip alone suffices."""
    return Detectron2Config() if all(map(find_spec, NEEDED)) else TransformersConfig()


__all__ = [
    "Detectron2",
    "Detectron2Config",
    "Instance",
    "PointRend",
    "PointRendConfig",
    "SegmenterConfig",
    "TransformersConfig",
    "TransformersSegmenter",
    "best_segmenter",
]
