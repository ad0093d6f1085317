"""A trained animal model that answers photos."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.kinematics import skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig
from models.methods.magicpony.losses.found_keypoints import FoundKeypoints, KeypointFinder
from models.methods.magicpony.model import Animal
from models.methods.magicpony.state import Prediction
from models.rendering import Renderer
from models.rendering.types import Light, Rendering


@dataclass(frozen=True)
class AnimalReconstruction:
    """A prediction with the model that made it: renderable, relightable, textured and rigged."""

    animal: Animal
    renderer: Renderer
    prediction: Prediction

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.prediction.mesh)

    @property
    def camera(self) -> Camera:
        """The predicted cameras."""
        return self.prediction.camera

    @property
    def light(self) -> Light:
        """The predicted lights."""
        return self.prediction.light

    def mesh(self, row: int) -> Mesh:
        """The posed surface of one animal."""
        return Mesh(self.prediction.mesh.vertices[row : row + 1], self.prediction.mesh.faces)

    @torch.no_grad()
    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Pictures from the predicted or another camera, under the predicted or another light."""
        camera = (camera or self.prediction.camera).apply(self._here)
        if light is not None:
            light = Light(self._here(light.direction), self._here(light.ambient), self._here(light.diffuse))
        return self.animal.render(self.prediction, self.renderer, size, camera, light)

    def canonical(self) -> Float[Tensor, "vertices 3"]:
        """The vertices of the prior shape, where the albedo field is read."""
        return self.prediction.prior

    def albedo(self, points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
        """The albedo field at canonical points."""
        return self.animal.albedo(points, self.prediction.texture_code, image)

    def rest(self) -> Mesh:
        """After instance deformation, before articulation."""
        return self.prediction.rest

    def rig(self) -> Rig:
        """The heuristic skeleton of each animal."""
        return self.animal.rig(self.prediction)

    @property
    def legs(self) -> int:
        """Of the category's skeleton."""
        return self.animal.skeleton.legs

    def skin_weights(self) -> Float[Tensor, "batch vertices bones"]:
        """MagicPony's weights by the distance to the bones."""
        return skin_weights(self.prediction.rest.vertices, self.rig().ends)

    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """The predicted bone angles; zero while the model has no articulation."""
        if self.prediction.angles is None:
            return torch.zeros(len(self), self.animal.skeleton.bones, 3)
        return self.prediction.angles

    @torch.no_grad()
    def posed(self, angles: Float[Tensor, "batch bones 3"]) -> "AnimalReconstruction":
        """The same animals with other bone angles."""
        vertices = self.animal.posed(self.prediction.rest, self.rig(), self._here(angles))
        mesh = Mesh(vertices, self.prediction.mesh.faces)
        return replace(self, prediction=replace(self.prediction, mesh=mesh, angles=angles))

    def with_surface(self, vertices: Float[Tensor, "batch vertices 3"]) -> "AnimalReconstruction":
        """The same animals with their vertices at other places."""
        return replace(
            self, prediction=replace(self.prediction, mesh=Mesh(self._here(vertices), self.prediction.mesh.faces))
        )

    def pick(self, row: int, count: int = 1) -> "AnimalReconstruction":
        """One animal of the batch, `count` times."""
        return replace(self, prediction=pick(self.prediction, row, count))

    def _here(self, part: Tensor) -> Tensor:
        return part.to(next(self.animal.parameters()).device)


@dataclass(frozen=True)
class AnimalReconstructor:
    """The model at the end of its training, and the renderer it is drawn with."""

    animal: Animal
    renderer: Renderer
    finder: KeypointFinder | None
    """What finds keypoints in the photos, where something does."""

    def predict(self, batch: Batch) -> AnimalReconstruction:
        """One animal per crop by the best viewpoint, on the model's device."""
        here = self._move(batch)
        return AnimalReconstruction(self.animal, self.renderer, self._predict(here, self._find(here)))

    def _find(self, batch: Batch) -> FoundKeypoints | None:
        return self.finder.find(batch) if self.finder else None

    @torch.no_grad()
    def _predict(self, batch: Batch, found: FoundKeypoints | None) -> Prediction:
        self.animal.eval()
        return self.animal(batch, misfit=found and found.misfit)

    def _move(self, batch: Batch) -> Batch:
        known = {field.name: getattr(batch, field.name) for field in fields(Batch)}
        return replace(batch, **{name: self._here(part) for name, part in known.items() if part is not None})

    def _here(self, part: Tensor) -> Tensor:
        return part.to(next(self.animal.parameters()).device)


def pick(prediction: Prediction, row: int, count: int = 1) -> Prediction:
    """One animal of a batch, `count` times."""

    def take(values: Tensor) -> Tensor:
        return values[row : row + 1].expand(count, *values.shape[1:])

    whole = prediction.rest.vertices
    return Prediction(
        mesh=Mesh(take(prediction.mesh.vertices), prediction.mesh.faces),
        rest=Mesh(whole if len(whole) == 1 else take(whole), prediction.rest.faces),
        prior=prediction.prior,
        camera=prediction.camera.apply(take),
        light=Light(take(prediction.light.direction), take(prediction.light.ambient), take(prediction.light.diffuse)),
        texture_code=take(prediction.texture_code),
        hypothesis=take(prediction.hypothesis),
        score=take(prediction.score),
        probability=take(prediction.probability),
        deformation=None if prediction.deformation is None else take(prediction.deformation),
        angles=None if prediction.angles is None else take(prediction.angles),
    )
