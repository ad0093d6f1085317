"""What a method answers for a batch of crops, and the protocols that say what can be done with the answer.

Every answer is a `Reconstruction`. Metrics, exporters and reports ask by `isinstance` which of the other protocols it
meets as well: `Renderable` (pictures from any camera), `Relightable` (a predicted light), `Textured` (a colour field)
and `Rigged` (bones). What answers may be `Refinable`, and a `Sampler`. Whatever costs time is a method and no property,
because `isinstance` reads properties.
"""

from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig
from models.rendering.types import Light, Rendering

Same = TypeVar("Same")
"""The class of an answer itself: the shape checks of the tests refuse `typing.Self` outside of a checked class."""


@runtime_checkable
class Reconstruction(Protocol):
    """One answer per crop, each with a mesh of its own connectivity or none."""

    def __len__(self) -> int:
        """Number of crops."""
        ...

    @property
    def camera(self) -> Camera | None:
        """The crops' cameras; None where the method predicts none."""
        ...

    def mesh(self, row: int) -> Mesh | None:
        """The posed surface of one answer in the object frame, a batch of one; None where the method has none."""
        ...

    def pick(self: Same, row: int, count: int = 1) -> Same:
        """One answer of the batch, `count` times."""
        ...


@runtime_checkable
class Renderable(Protocol):
    """Can be drawn from any camera."""

    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Square pictures of `size` pixels, with the predicted camera and light where none are given."""
        ...


@runtime_checkable
class Relightable(Protocol):
    """Knows the light of its photo."""

    @property
    def light(self) -> Light:
        """One light per crop, in the camera frame."""
        ...


@runtime_checkable
class Textured(Protocol):
    """Has a colour field over its surface."""

    def canonical(self) -> Float[Tensor, "vertices coordinates"]:
        """Where the field is read for each vertex of the meshes: points in the canonical frame come first."""
        ...

    def albedo(
        self, points: Float[Tensor, "points coordinates"], image: Int[Tensor, " points"]
    ) -> Float[Tensor, "points 3"]:
        """RGB in [0, 1] of points like those of `canonical`; `image` is the row of each."""
        ...


@runtime_checkable
class Rigged(Protocol):
    """Has bones that carry its vertices."""

    def rest(self) -> Mesh:
        """The surface before articulation; a batch of one where all rows share it."""
        ...

    def rig(self) -> Rig:
        """The bones at rest."""
        ...

    @property
    def legs(self) -> int:
        """How many legs it has; the last bones of the rig are theirs."""
        ...

    def skin_weights(self) -> Float[Tensor, "batch vertices bones"]:
        """How much each bone carries each vertex of `rest`; they sum to 1."""
        ...

    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """Bone angles of the photos in radians (`models.geometry`)."""
        ...

    def posed(self: Same, angles: Float[Tensor, "batch bones 3"]) -> Same:
        """The same animals with other bone angles."""
        ...

    def with_surface(self: Same, vertices: Float[Tensor, "batch vertices 3"]) -> Same:
        """The same animals with their vertices at other places."""
        ...


@runtime_checkable
class Reconstructor(Protocol):
    """Answers crops."""

    def predict(self, batch: Batch) -> Reconstruction:
        """One answer per crop, without randomness."""
        ...


@runtime_checkable
class Refinable(Protocol):
    """Can fit its answers to the very photo and its mask."""

    def refined(self) -> Reconstructor:
        """The same model with that fit."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """Can make animals of no photo."""

    def sample(self, count: int, seed: int) -> Reconstruction:
        """As many animals; the same seed makes the same."""
        ...
