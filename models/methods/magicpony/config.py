"""MagicPony (Wu et al., CVPR 2023): explain the photo from its own view, and stay regular (fidelity F33 to F38)."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from models.core.category import Category
from models.core.config import Config
from models.core.schedule import Schedule
from models.methods.farm3d.distillation import Teacher
from models.methods.magicpony.losses import lighting, reconstruction, regularisers, viewpoints
from models.methods.magicpony.terms import Method, Step, Term


class MagicPonyConfig(Config):
    """Weights of the terms; the paper's code has the same but for rgb, 1, and 5000 eikonal points."""

    kind: Literal["magicpony"] = "magicpony"
    mask: Schedule = Field(default=Schedule(10.0), description="silhouette error")
    uncovered: Schedule = Field(default=Schedule(100.0), description="animal pixels without surface, by depth")
    rgb: Schedule = Field(default=Schedule(3.0), description="colour error")
    features: Schedule = Field(default=Schedule(10.0), description="error of the feature field")
    judge_rgb: Schedule = Field(default=Schedule(1.0), description="colour error in the choice of viewpoints")
    judge_features: Schedule = Field(default=Schedule(500.0), description="feature error in the choice of viewpoints")
    hypothesis: Schedule = Field(default=Schedule(1.0), description="error of the predicted viewpoint scores")
    eikonal: Schedule = Field(default=Schedule(0.01), description="slope of the distance field off 1")
    eikonal_points: int = Field(default=1500, ge=1, description="places in the cube, and as many near the surface")
    articulation: Schedule = Field(default=Schedule({0.42: 0.0, 0.43: 0.1}), description="squared bone angles")
    deformation: Schedule = Field(default=Schedule(10.0), description="squared vertex shifts")
    behind: Schedule = Field(default=Schedule(3.0), description="lamps behind the animal; the paper has no such term")

    @property
    def needs_teacher(self) -> bool:
        """Whether `build` wants a teacher."""
        return False

    def build(self, category: Category, teacher: Teacher | None = None) -> Method:
        """The table of terms."""
        return Method(self.terms(), self.hypothesis, self.excess)

    def terms(self) -> tuple[Term, ...]:
        """The rows that judge the photo's own view."""
        return (
            Term("mask", lambda s: reconstruction.mask(s.rendering, s.batch), self.mask, self.mask),
            Term("uncovered", lambda s: reconstruction.uncovered(s.rendering, s.batch), self.uncovered, self.uncovered),
            Term("rgb", lambda s: reconstruction.rgb(s.rendering, s.batch), self.rgb, self.judge_rgb),
            Term(
                "features", lambda s: reconstruction.features(s.rendering, s.batch), self.features, self.judge_features
            ),
            Term("eikonal", self._eikonal, self.eikonal),
            Term("articulation", lambda s: regularisers.articulation(s.prediction), self.articulation),
            Term("deformation", lambda s: regularisers.deformation(s.prediction), self.deformation),
            Term("behind", lambda s: lighting.behind(s.prediction.light), self.behind),
        )

    def excess(self, step: Step) -> Tensor:
        """How much worse the silhouette is from each viewpoint than from the taken one."""
        found, weights = step.prediction, (self.mask.at(step.progress), self.uncovered.at(step.progress))
        if found.alternatives is None:
            raise ValueError("prediction.alternatives is None; the animal is not in training mode")
        # At rest: a pose guessed for the taken viewpoint would favour it.
        drawn = step.silhouettes(found.rest, found.alternatives.camera, viewpoints.SIZE)
        return viewpoints.excess(drawn, found.hypothesis, step.batch, *weights)

    def _eikonal(self, step: Step) -> Tensor:
        animal, surface = step.animal, step.prediction.prior
        return regularisers.eikonal(animal.sdf, surface, animal.half_extent, self.eikonal_points, step.generator)
