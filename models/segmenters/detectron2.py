"""The production PointRend: detectron2's own, trained on COCO (fidelity F2)."""

import os
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import Field

from models.core.config import Config
from models.core.errors import MissingPackage, MissingWeights
from models.core.hub import check_address
from models.core.weights import report_missing_weights
from models.segmenters.pointrend import Instance

COCO = {
    "person": 0, "bird": 14, "cat": 15, "dog": 16, "horse": 17, "sheep": 18, "cow": 19, "elephant": 20, "bear": 21,
    "zebra": 22, "giraffe": 23,
}  # fmt: skip
"""Contiguous class numbers; COCO has no pig: let it be called dog, sheep or cow."""
NEEDED = ("detectron2", "torchvision", "cv2")
"""Packages without which its PointRend cannot be imported; detectron2 itself asks for the first alone."""
INSTALL = (
    "pip install torchvision opencv-python-headless, then "
    "pip install --no-build-isolation git+https://github.com/facebookresearch/detectron2"
)
ZOO = "detectron2://"
ZOO_ADDRESS = "https://dl.fbaipublicfiles.com/detectron2/"
"""Where detectron2 fetches what is named as `detectron2://`."""
BASE = "model_zoo/configs/Base-RCNN-FPN.yaml"
"""Settings in the package, read as a file: its module `model_zoo` needs a `pkg_resources` that newer setuptools
no longer bring. Those of PointRend lie in detectron2's repository alone."""
POINTREND = {
    "MODEL.MASK_ON": True,
    "MODEL.PIXEL_STD": [57.375, 57.120, 58.395],
    "MODEL.RESNETS.DEPTH": 101,
    "MODEL.RESNETS.NUM_GROUPS": 32,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 8,
    "MODEL.RESNETS.STRIDE_IN_1X1": False,
    "MODEL.ROI_BOX_HEAD.TRAIN_ON_PRED_BOXES": True,
    "MODEL.ROI_MASK_HEAD.NAME": "PointRendMaskHead",
    "MODEL.ROI_MASK_HEAD.POOLER_TYPE": "",
    "MODEL.ROI_MASK_HEAD.FC_DIM": 1024,
    "MODEL.ROI_MASK_HEAD.NUM_FC": 2,
    "MODEL.ROI_MASK_HEAD.OUTPUT_SIDE_RESOLUTION": 7,
    "MODEL.ROI_MASK_HEAD.IN_FEATURES": ["p2"],
    "MODEL.ROI_MASK_HEAD.POINT_HEAD_ON": True,
    "MODEL.POINT_HEAD.FC_DIM": 256,
    "MODEL.POINT_HEAD.NUM_FC": 3,
    "MODEL.POINT_HEAD.IN_FEATURES": ["p2"],
}
"""What PointRend on ResNeXt-101 32x8d FPN, three COCO schedules, sets over the base, as its paper's table 6 has it."""


class Detectron2Config(Config):
    """detectron2's PointRend; its weights are a pickle, which runs what whoever made the file put into it."""

    kind: Literal["detectron2"] = "detectron2"
    settings: str = Field(default="", description="YAML file of another PointRend; empty: ResNeXt-101, as the papers")
    weights: str = Field(
        default=f"{ZOO}PointRend/InstanceSegmentation/pointrend_rcnn_X_101_32x8d_FPN_3x_coco/28119989/"
        "model_final_ba17b9.pkl",
        description="file or address of the weights that belong to the settings; detectron2:// is its zoo",
    )
    score: float = Field(default=0.5, ge=0, le=1, description="instances below this score are not kept")

    def digest(self) -> str:
        """What the masks depend on: the bytes of the files, and of what is fetched the address."""
        return " ".join(_content(name) for name in (self.settings, self.weights))

    def classes(self) -> tuple[str, ...]:
        """The classes of COCO that may be an animal."""
        return tuple(COCO)

    def check_available(self, device: str) -> None:
        """Raises MissingPackage without detectron2 or what it needs, MissingWeights where a file cannot be had."""
        if lacking := [package for package in NEEDED if find_spec(package) is None]:
            raise MissingPackage(f"the segmenter `detectron2` needs {', '.join(lacking)}: {INSTALL}")
        for name in filter(None, (self.settings, self.weights)):
            if "://" not in name and not Path(name).is_file():
                raise MissingWeights(f"{name} does not exist; give the path of a file for the segmenter `detectron2`")
        address = self.weights.replace(ZOO, ZOO_ADDRESS)
        if "://" in address and not _fetched_before(address):
            check_address(address)

    def build(self, device: torch.device) -> "Detectron2":
        """Raises MissingPackage without detectron2, MissingWeights where its files are absent."""
        try:
            settings = import_module("detectron2.config").get_cfg()
            import_module("detectron2.projects.point_rend").add_pointrend_config(settings)
            predictor = import_module("detectron2.engine").DefaultPredictor
            package = Path(str(import_module("detectron2").__file__)).parent
        except ImportError as error:
            raise MissingPackage(f"the segmenter `detectron2` cannot be imported ({error}): {INSTALL}") from error
        with report_missing_weights(self.weights, "detectron2's PointRend"):
            settings.merge_from_file(self.settings or str(package / BASE))
            if not self.settings:
                settings.merge_from_list([part for pair in POINTREND.items() for part in pair])
            settings.MODEL.WEIGHTS = self.weights
            settings.MODEL.DEVICE = str(device)
            settings.MODEL.ROI_HEADS.SCORE_THRESH_TEST = self.score
            return Detectron2(predictor(settings))


def _content(name: str) -> str:
    return sha256(Path(name).read_bytes()).hexdigest() if Path(name).is_file() else name


def _fetched_before(address: str) -> bool:
    """Whether detectron2 keeps this file in its cache, where it looks first."""
    cache = Path(os.environ.get("FVCORE_CACHE", "~/.torch/iopath_cache")).expanduser()
    return (cache / urlsplit(address).path.lstrip("/")).is_file()


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
