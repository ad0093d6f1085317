"""MeshInversion (Zhang et al., ECCV 2022): a photo is answered by searching the latents of a generator of animals."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from pydantic import Field

from models.core.config import Config
from models.engine.loop import Summary, fit
from models.features.vit import Vit, VitConfig
from models.geometry.uv_sphere import uv_sphere
from models.methods.base import Artifact, Needs, Setting, Stage, StageContext
from models.methods.meshinversion.model import ROWS, AnimalGenerator, GeneratorConfig
from models.methods.meshinversion.pretraining import FitConfig, fit_animals
from models.methods.meshinversion.reconstruction import InversionReconstructor
from models.methods.meshinversion.refine import SearchConfig
from models.methods.meshinversion.state import NEEDED, AnimalMaps, Lesson, Pictures, distilled_lessons, true_lessons
from models.methods.meshinversion.train import GanLearner, LossWeights, TrainingConfig
from models.methods.meshinversion.warm_start import CameraHead, CameraLearner, CameraTrainingConfig

MAPS, GAN, CAMERA = "maps", "gan", "camera"


class MeshInversionConfig(Config):
    """The generator of animals, what it learns from, and how it is searched."""

    kind: Literal["meshinversion"] = "meshinversion"
    animals: Literal["true", "distilled"] = Field(
        default="true",
        description="what it learns from: animals of the barnyard with their true surfaces, or the farm's crops with "
        "the surfaces and views that its release answers for them",
    )
    lessons: int = Field(default=400, ge=2, description="true animals that it learns from")
    size: int = Field(default=96, ge=32, description="pixels along an edge of the crops that are answered")
    vit: VitConfig = Field(default=VitConfig(), description="the frozen transformer whose features are compared")
    generator: GeneratorConfig = Field(default=GeneratorConfig(), description="the network that is searched")
    fit: FitConfig = Field(default=FitConfig(), description="stage 1, how the sphere is fitted to the animals")
    losses: LossWeights = Field(default=LossWeights(), description="weights of the generator's losses")
    training: TrainingConfig = Field(default=TrainingConfig(), description="stage 2, how the GAN is trained")
    camera: CameraTrainingConfig = Field(default=CameraTrainingConfig(), description="stage 3, where searches start")

    search: SearchConfig = Field(default=SearchConfig(), description="how the generator is searched for a photo")

    @property
    def needs(self) -> Needs:
        """Cameras, meshes and views where it learns from distilled ones."""
        return Needs(columns=NEEDED) if self.animals == "distilled" else Needs(crops=False)

    @property
    def resolution(self) -> int:
        """That of the crops."""
        return self.size

    @property
    def parts(self) -> Mapping[str, Any]:
        """The transformer."""
        return {"vit": self.vit}

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "MeshInversionConfig":
        """The configuration at a scale, whoever made the photos; there is no start to leave out."""
        from models.methods.meshinversion.presets import PRESETS

        return cls.model_validate(PRESETS[scale])

    def stages(self) -> tuple[Stage, ...]:
        """Animals to maps, the GAN of the maps, and the cameras from which a search starts."""
        return (
            Stage(MAPS, self.lessons if self.animals == "true" else 0, (), self.fit_maps),
            Stage(GAN, self.training.steps, ("discriminators", "colour", "mesh", "picture", "flat"), self.train_gan),
            Stage(CAMERA, self.camera.steps, ("turn", "scale", "shift"), self.train_camera),
        )

    def fit_maps(self, context: StageContext) -> Artifact:
        """Stage 1: every animal as maps over the sphere.

        Raises ValueError for a category whose true surfaces nobody has.
        """
        sphere, lessons, texels = uv_sphere(ROWS), self._lessons(context), self.generator.texels
        shapes, colours = fit_animals(lessons, sphere, texels, self.fit, context.checkpoints, context.report)
        tensors = {"displacement": sphere.displacement(shapes).half(), "colour": colours}
        return Artifact(tensors, Summary(len(shapes), 0, {}))

    def train_gan(self, context: StageContext) -> Artifact:
        """Stage 2: the generator, as the running mean of its weights.

        Raises TrainingDiverged if a loss is not finite; the last whole checkpoint stays.
        """
        kept = context.artifacts[MAPS].tensors
        maps = AnimalMaps(kept["displacement"].float(), kept["colour"].float() / 127.5 - 1)
        pictures = Pictures(list(self._lessons(context)), self.training.pictures)
        generator = self._start()
        generator.start_from(maps.displacement)
        learner = GanLearner(generator.to(context.device), maps, pictures, context.renderer, self.losses, self.training)
        summary = fit(learner, self.training, context.checkpoints, context.report, self.stages()[1].shown)
        return Artifact(learner.mean.state_dict(), summary)

    def train_camera(self, context: StageContext) -> Artifact:
        """Stage 3: the camera head."""
        vit = context.load(self.vit)
        pictures = Pictures(list(self._lessons(context)), self.size)
        head = self._head(vit).to(context.device)
        learner = CameraLearner(head, pictures, vit, self.camera)
        summary = fit(learner, self.camera, context.checkpoints, context.report, self.stages()[2].shown)
        return Artifact(head.state_dict(), summary)

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> InversionReconstructor:
        """The trained generator and camera head; without artifacts the ones with random weights."""
        vit, generator = setting.load(self.vit), self._start()
        head = self._head(vit)
        if artifacts:
            generator.load_state_dict(artifacts[GAN].tensors)
            head.load_state_dict(artifacts[CAMERA].tensors)
        generator, head = generator.to(setting.device).eval(), head.to(setting.device).eval()
        return InversionReconstructor(generator.requires_grad_(False), head, vit, setting.renderer, self.search)

    def _start(self) -> AnimalGenerator:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            return self.generator.build()

    def _head(self, vit: Vit) -> CameraHead:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.camera.seed)
            return CameraHead(vit.channels, self.size // vit.stride)

    def _lessons(self, context: StageContext) -> Iterable[Lesson]:
        if self.animals == "true":
            return true_lessons(context.category.name, self.lessons, self.size)
        return distilled_lessons(context.samples, context.columns)
