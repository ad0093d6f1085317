"""MagicPony (Wu et al., CVPR 2023): explain the photo from its own viewpoint and stay regular (fidelity F33)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.augmentation import augment_crops
from models.data.crops import Crops
from models.engine.ema import update_ema
from models.engine.loop import fit
from models.features import Pca, Vit, VitConfig
from models.features.dense import add_feature_maps
from models.features.head_direction import head_directions
from models.features.keypoint_reading import KeypointConfig
from models.methods.base import Artifact, Needs, Setting, Stage, StageContext
from models.methods.magicpony.losses import lighting, reconstruction, regularisers, viewpoints
from models.methods.magicpony.losses.found_keypoints import KeypointFinder
from models.methods.magicpony.model import Animal, AnimalConfig
from models.methods.magicpony.pretraining.orientation import label_heads
from models.methods.magicpony.pretraining.shape_fitting import ShapeFitting, ShapeLearner
from models.methods.magicpony.pretraining.silhouette_fitting import SilhouetteLearner
from models.methods.magicpony.reconstruction import AnimalReconstructor
from models.methods.magicpony.refine import RefinableReconstructor
from models.methods.magicpony.terms import Objective, Step, Term
from models.methods.magicpony.train import AnimalLearner, TrainingConfig
from models.methods.magicpony.warm_start import FromNothing, Start, WarmStart

STAGE = "animal"
"""The training of all networks."""
SILHOUETTES = "silhouettes"
"""The stage before it, where there is one."""
OWN_SHAPE = "own_shape"
"""The stage after it, where there is one."""


class LossWeights(Config):
    """Weights of the terms; the paper's code has rgb 1, 5,000 eikonal points, the taken score alone, no backlight."""

    mask: Schedule = Field(default=Schedule(10.0), description="silhouette error")
    mask_distance: Schedule = Field(
        default=Schedule(100.0), description="missed foreground pixels, by their distance to the mask's boundary"
    )
    rgb: Schedule = Field(default=Schedule(3.0), description="colour error")
    features: Schedule = Field(default=Schedule(10.0), description="error of the feature field")
    hypothesis_rgb_weight: Schedule = Field(
        default=Schedule(1.0), description="colour error in what the viewpoint scores learn to predict"
    )
    hypothesis_feature_weight: Schedule = Field(
        default=Schedule(500.0), description="feature error in what the viewpoint scores learn to predict"
    )
    hypothesis: Schedule = Field(default=Schedule(1.0), description="error of the predicted viewpoint scores")
    scores_taught: Literal["all", "taken"] = Field(
        default="all", description="viewpoint scores that learn at a step; the paper's code teaches the one it took"
    )
    eikonal: Schedule = Field(default=Schedule(0.01), description="slope of the distance field off 1")
    eikonal_points: int = Field(default=1500, ge=1, description="points in the cube, and as many near the surface")
    articulation: Schedule = Field(default=Schedule({0.42: 0.0, 0.43: 0.1}), description="squared bone angles")
    deformation: Schedule = Field(default=Schedule(10.0), description="squared vertex shifts")
    backlight: Schedule = Field(
        default=Schedule(3.0), description="lights behind the animal; the paper has no such term"
    )

    def objective(self) -> Objective:
        """The terms that judge the photo's own view."""
        return Objective(self._terms(), self.hypothesis, self._relative_error if self.scores_taught == "all" else None)

    def _terms(self) -> tuple[Term, ...]:
        rgb, features = self.hypothesis_rgb_weight, self.hypothesis_feature_weight
        return (
            Term("mask", lambda s: reconstruction.mask(s.rendering, s.batch), self.mask, self.mask),
            Term(
                "mask_distance",
                lambda s: reconstruction.mask_distance_loss(s.rendering, s.batch),
                self.mask_distance,
                self.mask_distance,
            ),
            Term("rgb", lambda s: reconstruction.rgb(s.rendering, s.batch), self.rgb, rgb),
            Term("features", lambda s: reconstruction.features(s.rendering, s.batch), self.features, features),
            Term("eikonal", self._eikonal, self.eikonal),
            Term("articulation", lambda s: regularisers.articulation(s.prediction), self.articulation),
            Term("deformation", lambda s: regularisers.deformation(s.prediction), self.deformation),
            Term("backlight", lambda s: lighting.backlight_penalty(s.prediction.light), self.backlight),
        )

    def _relative_error(self, step: Step) -> Tensor:
        """How much worse the silhouette is from each viewpoint than from the taken one."""
        prediction, weights = step.prediction, (self.mask.at(step.progress), self.mask_distance.at(step.progress))
        if prediction.alternatives is None:
            raise ValueError("prediction.alternatives is None; the animal is not in training mode")
        # At rest: a pose guessed for the taken viewpoint would favour it.
        silhouettes = step.silhouettes(prediction.rest, prediction.alternatives.camera, viewpoints.SIZE)
        return viewpoints.relative_error(silhouettes, prediction.hypothesis, step.batch, *weights)

    def _eikonal(self, step: Step) -> Tensor:
        animal, surface = step.animal, step.prediction.prior
        return regularisers.eikonal(animal.sdf, surface, animal.half_extent, self.eikonal_points, step.generator)


class AnimalTraining(Config):
    """What every training of the animal model is made of, with score distillation or without."""

    vit: VitConfig = Field(default=VitConfig(), description="the frozen transformer of encoder and feature loss")
    feature_vit: VitConfig | None = Field(
        default=None, description="what the feature loss compares with, where it is not as the encoder sees"
    )
    reading: KeypointConfig | None = Field(
        default=None, description="what reads keypoints from the ViT's tokens, where the start knows them; none: nobody"
    )
    animal: AnimalConfig = Field(default=AnimalConfig(), description="the networks of the animal model")
    losses: LossWeights = Field(default=LossWeights(), description="weights of the photo's own view")
    training: TrainingConfig = Field(default=TrainingConfig(), description="how long and how fast")
    warm_start: Start = Field(default=FromNothing(), description="what the weights are before the training")
    own_shape: ShapeFitting = Field(
        default=ShapeFitting(), description="the category's own shape, by refinement of its photos, after the training"
    )

    @property
    def needs(self) -> Needs:
        """Photos and masks alone."""
        return Needs()

    @property
    def resolution(self) -> int:
        """Pixels along an edge of the crops that the losses compare."""
        return self.training.size

    @property
    def parts(self) -> Mapping[str, Any]:
        """The transformer, or both of them, the start, and the reading of keypoints."""
        features = {"feature_vit": self.feature_vit} if self.feature_vit else {}
        keypoints = {"keypoints": self.reading} if self._reads else {}
        return {"vit": self.vit, **features, "warm_start": self.warm_start, **keypoints}

    @property
    def _reads(self) -> bool:
        """Whether keypoints are read: on random weights none of them has a place."""
        return self.reading is not None and isinstance(self.warm_start, WarmStart)

    def stages(self) -> tuple[Stage, ...]:
        """One training of all networks together; silhouettes before it and the own shape after it, where asked for."""
        at_once = self.training.batch // self.training.accumulate
        stages = [Stage(STAGE, self.training.steps, self._shown, self.train, at_once)]
        shape, fitting = self.own_shape, self.warm_start.silhouettes
        if fitting.steps:
            shown = self._shown_silhouettes
            stages.insert(0, Stage(SILHOUETTES, fitting.steps, shown, self.fit_silhouettes, fitting.batch))
        if shape.steps:
            stages.append(Stage(OWN_SHAPE, shape.steps, (), self.fit_shape, shape.batch))
        return tuple(stages)

    @property
    def _shown(self) -> tuple[str, ...]:
        return "mask", "rgb", "features"

    @property
    def _shown_silhouettes(self) -> tuple[str, ...]:
        return ("mask", "keypoints") if self._reads else ("mask",)

    def objective(self, setting: Setting) -> Objective:
        """The table of terms."""
        return self.losses.objective()

    def fit_silhouettes(self, context: StageContext) -> Artifact:
        """Fit pose, articulation and deformation of the start to the masks of the crops and to found keypoints."""
        animal, config = self.start(context), self.warm_start.silhouettes
        finder = self._finder(animal, context)
        crops = self.crops(context, context.load(self.feature_vit or self.vit))
        label_heads(crops, AnimalReconstructor(animal, context.renderer, finder))
        found = finder and finder.find_all(crops)
        learner = SilhouetteLearner(animal, crops, context.renderer, config, self.training.seed, found)
        loop = self.training.model_copy(update={"steps": config.steps})
        summary = fit(learner, loop, context.checkpoints, context.report, self._shown_silhouettes)
        return Artifact(learner.mean.state_dict(), summary)

    def train(self, context: StageContext) -> Artifact:
        """Fit the animal model to the crops."""
        animal = self.start(context)
        mean = deepcopy(animal)
        if SILHOUETTES in context.artifacts:
            animal.load_state_dict(context.artifacts[SILHOUETTES].tensors)
        objective = self.objective(context)
        crops = self.crops(context, context.load(self.feature_vit or self.vit))
        if isinstance(self.warm_start, WarmStart):
            label_heads(crops, AnimalReconstructor(animal, context.renderer, self._finder(animal, context)))
        with ThreadPoolExecutor(1) as helper:
            learner = AnimalLearner(animal, objective, self.training, crops, context.renderer, helper)
            begin = self.warm_start.begin
            summary = fit(learner, self.training, context.checkpoints, context.report, self._shown, begin)
        update_ema(mean, animal, self.warm_start.kept)
        return Artifact(mean.state_dict(), summary)

    def fit_shape(self, context: StageContext) -> Artifact:
        """Let the trained animal's deformation answer what refinement changes in the crops on average."""
        method = self.load(context.artifacts, context).refined()
        crops = self.crops(context, context.load(self.feature_vit or self.vit))
        learner = ShapeLearner(method, crops, self.own_shape, self.training.seed)
        loop = self.training.model_copy(update={"steps": self.own_shape.steps})
        summary = fit(learner, loop, context.checkpoints, context.report, ())
        return Artifact(method.animal.state_dict(), summary)

    def start(self, setting: Setting) -> Animal:
        """The animal model before the training."""
        animal = self.untrained(setting)
        self.warm_start.load(animal)
        return animal

    def untrained(self, setting: Setting) -> Animal:
        """The animal model with the random weights of the seed."""
        vit = setting.load(self.vit)
        # Not before the transformer is there, which may draw numbers of its own where nobody has loaded it yet.
        torch.manual_seed(self.training.seed)
        return self.animal.build(setting.category, vit).to(setting.device)

    def crops(self, context: StageContext, vit: Vit) -> Crops:
        """The training crops with their feature maps, and what the encoder sees of them.

        The directions of the maps depend on the data set or on the warm start, so no shard holds them.
        """
        shown = augment_crops(
            [context.samples[row] for row in range(len(context.samples))],
            self.training.augmentation,
            self.training.seed,
        )
        pca: Pca | None = self.warm_start.pca()
        samples, _ = add_feature_maps(shown.samples, vit, self.animal.encoder.image, self.animal.prior.channels, pca)
        return Crops(samples, self.training.size, context.device, shown.seen, head_directions=head_directions)

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> RefinableReconstructor:
        """The trained model, or the start where it is not there yet."""
        trained = artifacts.get(OWN_SHAPE) or artifacts.get(STAGE)
        if trained:
            # Without the warm start: a release answers also where the quadruped it went on from has become another.
            animal = self.untrained(setting)
            animal.load_state_dict(trained.tensors)
        else:
            animal = self.start(setting)
        return RefinableReconstructor(animal.eval(), setting.renderer, self._finder(animal, setting))

    def _finder(self, animal: Animal, setting: Setting) -> KeypointFinder | None:
        """Not before the animal has its weights: they say where its keypoints are."""
        if not self._reads:
            return None
        return KeypointFinder.of(animal, setting.load(self.reading), setting.load(self.vit))


class MagicPonyConfig(AnimalTraining):
    """MagicPony on generated or collected photos."""

    kind: Literal["magicpony"] = "magicpony"

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "MagicPonyConfig":
        """The configuration at a scale, for drawn photos or for somebody's own, or from random weights."""
        from models.methods.magicpony.presets import FROM_NOTHING, OWN_PHOTOS, PRESETS

        presets = FROM_NOTHING if from_nothing else OWN_PHOTOS if own_photos else PRESETS
        return cls.model_validate(presets[scale].model_dump())

    @classmethod
    def taught(cls) -> "MagicPonyConfig":
        """The embedded quadruped that was told everything of the farm's species; it answers without a training."""
        from models.methods.magicpony.presets import TAUGHT

        return cls.model_validate(TAUGHT.model_dump())
