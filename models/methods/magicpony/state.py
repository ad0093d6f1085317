"""What the animal model answers, with what only its training needs."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.cameras import PerspectiveCamera
from models.geometry.mesh import Mesh
from models.rendering.types import Light


@dataclass(frozen=True)
class Alternatives:
    """The viewpoints an image could have been given, the taken one among them."""

    score: Float[Tensor, "batch hypotheses"]
    ruled_out: Float[Tensor, "batch hypotheses"]
    """How firmly the prompt's view word and the head's side rule each out, 0 to 1."""
    camera: PerspectiveCamera
    """Image by image; constant for the gradient."""


@dataclass(frozen=True)
class Prediction:
    """One animal per image. A part that is not active yet is None."""

    mesh: Mesh
    """Posed animals, object frame."""
    rest: Mesh
    """After instance deformation, before articulation; batch 1 while there is no deformation."""
    prior: Float[Tensor, "vertices 3"]
    """Canonical vertices: where the albedo and feature fields are read."""
    camera: PerspectiveCamera
    light: Light
    texture_code: Float[Tensor, "batch code"]
    """Image code of the albedo field."""
    hypothesis: Int[Tensor, " batch"]
    """The viewpoint hypothesis that was taken."""
    score: Float[Tensor, " batch"]
    """Its predicted loss: lower is better (fidelity F12)."""
    probability: Float[Tensor, " batch"]
    """Its probability; constant for the gradient."""
    deformation: Float[Tensor, "batch vertices 3"] | None
    angles: Float[Tensor, "batch bones 3"] | None
    """Bone angles in radians."""
    alternatives: Alternatives | None = None
    """All viewpoint hypotheses; only in training."""
