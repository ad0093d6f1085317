"""Mask2Former (Cheng et al. 2022), MaskFormer and EoMT as `transformers` has them; pip alone suffices.

The class names are the model's own (`config.id2label`): COCO models know cow, horse and sheep.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import Field

from models.core.config import Config
from models.core.hub import cached_file, read_settings
from models.core.weights import digest, disable_progress_bars, locate, pin_revision, report_missing_weights
from models.segmenters.pointrend import Instance

SETTINGS = "config.json"
TESTED = ("mask2former", "maskformer", "eomt")
"""Kinds of models that answer with instances. Others need words or boxes as well, or have no class names."""


class TransformersConfig(Config):
    """Which model, and from which score on an animal counts."""

    kind: Literal["transformers"] = "transformers"
    model: str = Field(
        default="facebook/mask2former-swin-large-coco-instance", description="folder or hub id of a segmentation model"
    )
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    score: float = Field(default=0.5, ge=0, le=1, description="instances below this score are not kept")

    def digest(self) -> str:
        """Digest of the weights, on which the masks depend besides this config."""
        return digest(locate(self.model), self.revision)

    def classes(self) -> tuple[str, ...] | None:
        """The classes that the model names; None until `check_available` or `build` has fetched its settings."""
        here = Path(locate(self.model)).is_dir() or cached_file(self.model, self.revision, SETTINGS)
        names = self._settings().get("id2label") if here else None
        return tuple(names.values()) if names else None

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where the model cannot be had, ValueError where it is none of the tested kinds."""
        if (kind := self._settings().get("model_type")) not in TESTED:
            raise ValueError(
                f"segmenter.model {self.model} is a {kind}; choose a model of one of the kinds {', '.join(TESTED)}"
            )

    def _settings(self) -> dict[str, Any]:
        return read_settings(self.model, self.revision, SETTINGS)

    def build(self, device: torch.device) -> "TransformersSegmenter":
        """Raises MissingWeights where the model is absent or broken."""
        from transformers import AutoImageProcessor, AutoModelForUniversalSegmentation

        model = locate(self.model)
        disable_progress_bars()
        with report_missing_weights(model, "the segmentation model"):
            revision = pin_revision(model, self.revision)
            processor = AutoImageProcessor.from_pretrained(model, revision=revision)
            network = AutoModelForUniversalSegmentation.from_pretrained(model, revision=revision)
        return TransformersSegmenter(self, processor, network.to(device).eval())


class TransformersSegmenter:
    """A loaded model with its own preparation of pictures."""

    def __init__(self, config: TransformersConfig, processor: Any, network: Any) -> None:  # noqa: ANN401  no types
        """Both as `transformers` loads them."""
        self.config, self.processor, self.network = config, processor, network
        self.names: dict[int, str] = {int(number): name for number, name in network.config.id2label.items()}

    @torch.no_grad()
    def segment(self, images: UInt8[ndarray, "batch height width 3"], classes: tuple[str, ...]) -> list[list[Instance]]:
        """The instances of these classes in every picture, likeliest first.

        Raises ValueError for a class that the model does not know.
        """
        unknown = [name for name in classes if name not in self.names.values()]
        if unknown:
            known = ", ".join(sorted(set(self.names.values())))
            raise ValueError(f"segment_as: {unknown[0]!r} is no class of {self.config.model}; they are {known}")
        inputs = self.processor(images=list(images), return_tensors="pt").to(self.network.device)
        outputs = self.processor.post_process_instance_segmentation(
            self.network(**inputs), threshold=self.config.score, target_sizes=[images.shape[1:3]] * len(images)
        )
        return [self._instances(output, classes) for output in outputs]

    def _instances(self, output: dict[str, Any], classes: tuple[str, ...]) -> list[Instance]:
        segmentation = np.asarray(output["segmentation"].cpu())
        instances = [
            Instance(segmentation == segment["id"], float(segment["score"]), self.names[segment["label_id"]])
            for segment in output["segments_info"]
            if self.names[segment["label_id"]] in classes
        ]
        return sorted((instance for instance in instances if instance.mask.any()), key=lambda instance: -instance.score)
