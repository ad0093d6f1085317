"""The production PointRend: detectron2's own, trained on COCO (fidelity F2)."""

from importlib import import_module
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import Field

from models.core.config import Config
from models.core.errors import MissingPackage
from models.core.weights import report_missing_weights
from models.segmenters.pointrend import Instance

COCO = {
    "person": 0, "bird": 14, "cat": 15, "dog": 16, "horse": 17, "sheep": 18, "cow": 19, "elephant": 20, "bear": 21,
    "zebra": 22, "giraffe": 23,
}  # fmt: skip
"""Contiguous class numbers; COCO has no pig: let it be called dog, sheep or cow."""
INSTALL = (
    "pip install 'git+https://github.com/facebookresearch/detectron2.git' "
    "'git+https://github.com/facebookresearch/detectron2.git#subdirectory=projects/PointRend'"
)


class Detectron2Config(Config):
    """detectron2's PointRend; needs the settings file and the weights of one model of its zoo."""

    kind: Literal["detectron2"] = "detectron2"
    settings: str = Field(
        default="pointrend_rcnn_X_101_32x8d_FPN_3x_coco.yaml",
        description="file from detectron2/projects/PointRend/configs",
    )
    weights: str = Field(
        default="model_final_ba17b9.pkl", description="file or URL of the weights that belong to the settings"
    )
    score: float = Field(default=0.5, ge=0, le=1, description="instances below this score are not kept")

    def digest(self) -> str:
        """What the masks depend on: settings and weights by name, which detectron2 keeps unchanged."""
        return f"{self.settings} {self.weights}"

    def classes(self) -> tuple[str, ...]:
        """The classes of COCO that may be an animal."""
        return tuple(COCO)

    def build(self, device: torch.device) -> "Detectron2":
        """Raises MissingPackage without detectron2, MissingWeights where its files are absent."""
        try:
            settings = import_module("detectron2.config").get_cfg()
            import_module("detectron2.projects.point_rend").add_pointrend_config(settings)
            predictor = import_module("detectron2.engine").DefaultPredictor
        except ImportError as error:
            raise MissingPackage(f"the segmenter `detectron2` needs detectron2 with PointRend: {INSTALL}") from error
        with report_missing_weights(self.weights, "detectron2's PointRend"):
            settings.merge_from_file(self.settings)
            settings.MODEL.WEIGHTS = self.weights
            settings.MODEL.DEVICE = str(device)
            settings.MODEL.ROI_HEADS.SCORE_THRESH_TEST = self.score
            return Detectron2(predictor(settings))


class Detectron2:
    """A predictor with our names for classes."""

    def __init__(self, predictor: Any) -> None:  # noqa: ANN401  detectron2 has no types
        """`predictor` is detectron2's DefaultPredictor, or acts like one."""
        self.predictor = predictor

    def segment(self, images: UInt8[ndarray, "batch height width 3"], classes: tuple[str, ...]) -> list[list[Instance]]:
        """The instances of these COCO classes in every picture, likeliest first."""
        unknown = [name for name in classes if name not in COCO]
        if unknown:
            raise ValueError(f"segment_as: {unknown[0]!r} is no class of COCO we use; they are {', '.join(COCO)}")
        return [self._instances(image, classes) for image in images]

    def _instances(self, image: UInt8[ndarray, "height width 3"], classes: tuple[str, ...]) -> list[Instance]:
        output = self.predictor(np.ascontiguousarray(image[..., ::-1]))["instances"].to("cpu")
        names = {COCO[name]: name for name in classes}
        rows = zip(output.pred_masks.numpy(), output.scores.tolist(), output.pred_classes.tolist(), strict=True)
        kept = [Instance(mask.astype(bool), score, names[number]) for mask, score, number in rows if number in names]
        return sorted(kept, key=lambda instance: -instance.score)
