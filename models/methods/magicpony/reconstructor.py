"""A trained animal as something that answers photos: for metrics, films and assets alike."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.magicpony.model import Animal
from models.methods.magicpony.state import Prediction
from models.rendering import Renderer
from models.rendering.types import Light, Rendering


@dataclass(frozen=True)
class AnimalReconstructor:
    """The model at the end of its training, and the renderer it is drawn with."""

    animal: Animal
    renderer: Renderer

    @torch.no_grad()
    def predict(self, batch: Batch) -> Prediction:
        """One animal per crop by the best viewpoint, on the model's device."""
        self.animal.eval()
        known = {field.name: getattr(batch, field.name) for field in fields(Batch)}
        return self.animal(
            replace(batch, **{name: self._here(part) for name, part in known.items() if part is not None})
        )

    @torch.no_grad()
    def render(
        self, prediction: Prediction, size: int, camera: Camera | None = None, light: Light | None = None
    ) -> Rendering:
        """Pictures from the predicted or another camera, under the predicted or another light."""
        camera = (camera or prediction.camera).apply(self._here)
        if light is not None:
            light = Light(self._here(light.direction), self._here(light.ambient), self._here(light.diffuse))
        return self.animal.render(prediction, self.renderer, size, camera, light)

    @torch.no_grad()
    def posed(self, prediction: Prediction, angles: Float[Tensor, "batch bones 3"]) -> Prediction:
        """The same animals with other bone angles."""
        rig = self.animal.rig(prediction)
        vertices = self.animal.posed(prediction.rest, rig, self._here(angles))
        return replace(prediction, mesh=Mesh(vertices, prediction.mesh.faces), angles=angles)

    def _here(self, part: Tensor) -> Tensor:
        return part.to(next(self.animal.parameters()).device)


def picked(prediction: Prediction, row: int, count: int = 1) -> Prediction:
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
