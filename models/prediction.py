"""The two bundles every loss and metric reads: what the data set says, and what the animal model answers."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.camera import Camera
from models.geometry.mesh import Mesh
from models.truth import Truth


@dataclass(frozen=True)
class Batch:
    """Crops of one size with what was known when they were made."""

    image: Float[Tensor, "batch size size 3"]
    """RGB in [0, 1]."""
    mask: Float[Tensor, "batch size size"]
    """1 on the animal."""
    valid: Float[Tensor, "batch size size"]
    """1 where the crop lies inside the generated picture."""
    features: Float[Tensor, "batch channels rows columns"] | None
    """PCA of ViT tokens in [0, 1], for the feature loss."""
    view: Int[Tensor, " batch"]
    """Index into `models.category.VIEWS` of the prompt's view word; -1 where unknown."""
    index: Int[Tensor, " batch"]
    """Row of the sample in the pinned snapshot: a key for caches of frozen features."""
    inside: Float[Tensor, "batch size size"] | None = None
    """Exact distance of animal pixels to the nearest other pixel over `size`, 0 off the animal; for training."""
    seen: Float[Tensor, "batch size size 3"] | None = None
    """What the encoder is shown instead of `image`, where a crop was spoilt on purpose."""
    truth: Truth | None = None
    """Known of procedural animals only."""
    heading: Float[Tensor, " batch"] | None = None
    """1 where the head is to the right, -1 where it is to the left, 0 where nobody can tell; for training."""

    @property
    def shown(self) -> Float[Tensor, "batch size size 3"]:
        """What the encoder is shown."""
        return self.image if self.seen is None else self.seen

    def __len__(self) -> int:
        """Crops."""
        return len(self.image)


@dataclass(frozen=True)
class Light:
    """One directional light in the camera frame and an ambient term (facts 2.10)."""

    direction: Float[Tensor, "batch 3"]
    """Unit vector towards the light."""
    ambient: Float[Tensor, " batch"]
    diffuse: Float[Tensor, " batch"]

    @property
    def coefficients(self) -> Float[Tensor, "batch 4"]:
        """Ambient, then diffuse times the direction: shading is linear in them where the light falls."""
        return torch.cat((self.ambient[:, None], self.diffuse[:, None] * self.direction), 1)

    def rows(self, rows: Int[Tensor, " chosen"]) -> "Light":
        """The lights of these images, as often as they are named."""
        return Light(self.direction[rows], self.ambient[rows], self.diffuse[rows])


@dataclass(frozen=True)
class Alternatives:
    """The viewpoints an image could have been given, the taken one among them."""

    score: Float[Tensor, "batch hypotheses"]
    ruled_out: Float[Tensor, "batch hypotheses"]
    """How firmly the prompt's view word and the head's side rule each out, 0 to 1."""
    camera: Camera
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
    camera: Camera
    light: Light
    texture_code: Float[Tensor, "batch code"]
    """Image code of the albedo field."""
    hypothesis: Int[Tensor, " batch"]
    """The viewpoint hypothesis that was taken."""
    score: Float[Tensor, " batch"]
    """Its predicted loss: lower is better (facts 2.5)."""
    probability: Float[Tensor, " batch"]
    """Its probability; constant for the gradient."""
    deformation: Float[Tensor, "batch vertices 3"] | None
    angles: Float[Tensor, "batch bones 3"] | None
    """Bone angles in radians."""
    alternatives: Alternatives | None = None
    """All viewpoint hypotheses; only in training."""


@dataclass(frozen=True)
class Rendering:
    """Images of a batch of animals; the background is black and mask 0."""

    rgb: Float[Tensor, "batch size size 3"]
    mask: Float[Tensor, "batch size size"]
    albedo: Float[Tensor, "batch size size 3"]
    shading: Float[Tensor, "batch size size"]
    features: Float[Tensor, "batch size size channels"] | None
    normal: Float[Tensor, "batch size size 3"]
    """Unit normals in the camera frame."""
    depth: Float[Tensor, "batch size size"]
    """Distance along the camera's axis; 0 on the background."""
    visible: Bool[Tensor, "batch faces"]
    """Faces with at least one pixel."""
