"""Farm3D (Jakab et al., 3DV 2024): MagicPony, judged from random views by a diffusion model (fidelity F39 to F45)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field
from torch import Tensor

from models.core.category import VIEWS, Category
from models.core.config import Config
from models.core.schedule import Schedule
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.farm3d.distillation import Distillation, DistillationConfig, Teacher
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.state import Prediction
from models.methods.magicpony.terms import Method, Step, Term
from models.rendering.types import Light, Rendering


class Farm3DConfig(Config):
    """The photo's own view, and virtual views.

    The weight is that of a mean over latents: 1.6 equals the 1e-4 on a sum over 4 x 64 x 64 of the authors' code.
    """

    kind: Literal["farm3d"] = "farm3d"
    reconstruction: MagicPonyConfig = MagicPonyConfig()
    sds: Schedule = Field(default=Schedule({0.5: 0.0, 0.55: 1.6}), description="weight of score distillation")
    distillation: DistillationConfig = DistillationConfig()

    @property
    def needs_teacher(self) -> bool:
        """Whether `build` wants a teacher."""
        return True

    def build(self, category: Category, teacher: Teacher | None) -> Method:
        """The table of terms for one kind of animal."""
        if teacher is None:
            raise ValueError("method farm3d: teacher is None; give a text-to-image model, or choose method magicpony")
        distillation = self.distillation.build(teacher, {view: category.view_prompt(view) for view in VIEWS})
        row = Term("sds", lambda step: _distil(step, distillation), self.sds, every=self.distillation.every)
        return Method((*self.reconstruction.terms(), row), self.reconstruction.hypothesis, self.reconstruction.excess)


def _distil(step: Step, distillation: Distillation) -> Tensor:
    """Score distillation of this step's animals; never trains the viewpoint or the light, which it replaces."""
    prediction = stopped(step, distillation.config.grad_to)

    def render(camera: Camera, light: Light, size: int) -> Rendering:
        return step.render(prediction, size, camera, light)

    distilled = distillation(prediction.mesh, render, step.batch, step.progress, step.generator)
    step.notes.update(distilled.notes)
    step.pictures.extend(zip(distilled.captions, distilled.pictures, strict=True))
    return distilled.loss


def stopped(step: Step, grad_to: str) -> Prediction:
    """The step's prediction with gradient only to what `grad_to` names; its values are the same."""
    full = step.prediction
    if grad_to == "texture":
        return replace(full, mesh=Mesh(full.mesh.vertices.detach(), full.mesh.faces), prior=full.prior.detach())
    if grad_to == "all" or full.angles is None:
        return full
    posed = step.animal.posed(full.rest, step.animal.rig(full), full.angles.detach())
    return replace(full, mesh=Mesh(posed, full.mesh.faces))
