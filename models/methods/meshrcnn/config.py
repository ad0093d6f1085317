"""Mesh R-CNN (Gkioxari, Malik and Johnson, ICCV 2019): a photo to voxels, their surface, and that surface refined."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

import torch
from pydantic import Field

from models.core.config import Config
from models.data.columns import CAMERA, MESH, CameraColumn, MeshColumn
from models.engine.loop import fit
from models.methods.base import Artifact, Needs, Setting, Stage, StageContext
from models.methods.meshrcnn.model import MeshPredictor, PredictorConfig
from models.methods.meshrcnn.reconstruction import MeshReconstructor
from models.methods.meshrcnn.state import Lesson, Lessons, distilled_lessons, true_lessons
from models.methods.meshrcnn.train import LossWeights, MeshLearner, TrainingConfig

STAGE = "meshes"
KEPT_POINTS = 4
"""Times as many points are kept of each surface as a step compares."""
SHOWN = ("voxel", "depth", "direction", "chamfer", "normal", "edge")


class MeshRcnnConfig(Config):
    """The mesh predictor on the crops, and what it learns from."""

    kind: Literal["meshrcnn"] = "meshrcnn"
    meshes: Literal["true", "distilled"] = Field(
        default="true",
        description="what it learns from: animals of the barnyard with their true meshes, or the farm's crops with the "
        "meshes that its release answers for them",
    )
    lessons: int = Field(default=600, ge=1, description="true animals that it learns from")
    predictor: PredictorConfig = Field(default=PredictorConfig(), description="the networks")
    losses: LossWeights = Field(default=LossWeights(), description="weights of the losses")
    training: TrainingConfig = Field(default=TrainingConfig(), description="how it is trained")

    @property
    def needs(self) -> Needs:
        """Cameras and meshes where it learns from distilled ones."""
        return Needs(columns=(CAMERA.name, MESH.name)) if self.meshes == "distilled" else Needs(crops=False)

    @property
    def resolution(self) -> int:
        """Four pixels to a voxel."""
        return self.predictor.pixels

    @property
    def parts(self) -> Mapping[str, Any]:
        """No frozen ones."""
        return {}

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "MeshRcnnConfig":
        """The configuration at a scale, whoever made the photos; there is no start to leave out."""
        from models.methods.meshrcnn.presets import PRESETS

        return cls.model_validate(PRESETS[scale])

    def stages(self) -> tuple[Stage, ...]:
        """One: all branches together."""
        return (Stage(STAGE, self.training.steps, SHOWN, self.train),)

    def train(self, context: StageContext) -> Artifact:
        """Fit the predictor to the lessons.

        Raises ValueError for a category whose true meshes nobody has, TrainingDiverged if a loss is not finite.
        """
        points = KEPT_POINTS * self.training.points
        size, grid = self.resolution, self.predictor.grid
        lessons = Lessons(list(self._lessons(context)), size, grid, points, context.device)
        predictor = self._start().to(context.device)
        learner = MeshLearner(predictor, lessons, self.losses, self.training)
        summary = fit(learner, self.training, context.checkpoints, context.report, SHOWN)
        return Artifact(predictor.state_dict(), summary)

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> MeshReconstructor:
        """The trained predictor; without artifacts the one with random weights that training starts from."""
        predictor = self._start()
        if artifacts:
            predictor.load_state_dict(artifacts[STAGE].tensors)
        return MeshReconstructor(predictor.to(setting.device).eval(), setting.renderer)

    def _start(self) -> MeshPredictor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            return self.predictor.build()

    def _lessons(self, context: StageContext) -> Iterable[Lesson]:
        if self.meshes == "true":
            return true_lessons(context.category.name, self.lessons, self.resolution)
        cameras = [cast(CameraColumn, answer.estimate) for answer in context.columns(CAMERA.name)]
        meshes = [cast(MeshColumn, answer.estimate) for answer in context.columns(MESH.name)]
        return distilled_lessons(context.samples, cameras, meshes)
