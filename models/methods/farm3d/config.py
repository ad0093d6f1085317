"""Farm3D (Jakab et al., 3DV 2024): MagicPony, and score distillation from random views (fidelity F39)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from models.core.schedule import Schedule
from models.generators import StableDiffusionConfig
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.base import Needs, Setting
from models.methods.farm3d.distillation import Distillation, DistillationConfig
from models.methods.magicpony.config import AnimalTraining
from models.methods.magicpony.state import Prediction
from models.methods.magicpony.terms import Objective, Step, Term
from models.rendering.types import Light, Rendering


class Farm3DConfig(AnimalTraining):
    """The photo's own view, and virtual views.

    The weight is that of a mean over latents: 1.6384 equals the 1e-4 on a sum over 4 x 64 x 64 of the authors' code.
    """

    kind: Literal["farm3d"] = "farm3d"
    sds: Schedule = Field(default=Schedule({0.5: 0.0, 0.55: 1.6}), description="weight of score distillation")
    distillation: DistillationConfig = Field(default=DistillationConfig(), description="virtual views")
    diffusion_prior: StableDiffusionConfig = Field(
        default=StableDiffusionConfig(), description="the text-to-image model whose score is distilled"
    )

    @property
    def needs(self) -> Needs:
        """Photos, masks, and a model that can teach."""
        return replace(super().needs, teachers=("diffusion_prior",))

    @property
    def parts(self) -> Mapping[str, Any]:
        """The animal model's, and the diffusion prior."""
        return {**super().parts, "diffusion_prior": self.diffusion_prior}

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "Farm3DConfig":
        """The configuration at a scale, for drawn photos or for somebody's own, or from random weights."""
        from models.methods.farm3d.presets import FROM_NOTHING, OWN_PHOTOS, PRESETS

        presets = FROM_NOTHING if from_nothing else OWN_PHOTOS if own_photos else PRESETS
        return cls.model_validate(presets[scale].model_dump())

    @property
    def _shown(self) -> tuple[str, ...]:
        return *super()._shown, "sds"

    def objective(self, setting: Setting) -> Objective:
        """The animal model's terms, and score distillation."""
        distillation = self.distillation.build(setting.load(self.diffusion_prior), setting.category)
        objective = super().objective(setting)
        term = Term("sds", lambda step: _distil(step, distillation), self.sds, every=self.distillation.every)
        return replace(objective, terms=(*objective.terms, term))


def _distil(step: Step, distillation: Distillation) -> Tensor:
    """Score distillation of this step's animals; never trains the viewpoint or the light, which it replaces."""
    prediction = detach_prediction(step, distillation.config.grad_to)

    def render(camera: Camera, light: Light, size: int) -> Rendering:
        return step.render(prediction, size, camera, light)

    distilled = distillation(prediction.mesh, render, step.batch, step.progress, step.generator)
    step.notes.update(distilled.notes)
    step.pictures.extend(zip(distilled.captions, distilled.pictures, strict=True))
    return distilled.loss


def detach_prediction(step: Step, grad_to: str) -> Prediction:
    """The step's prediction with gradient only to what `grad_to` names; its values are the same."""
    full = step.prediction
    if grad_to == "texture":
        return replace(full, mesh=Mesh(full.mesh.vertices.detach(), full.mesh.faces), prior=full.prior.detach())
    if grad_to == "all" or full.angles is None:
        return full
    posed = step.animal.posed(full.rest, step.animal.rig(full), full.angles.detach())
    return replace(full, mesh=Mesh(posed, full.mesh.faces))
