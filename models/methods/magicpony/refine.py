"""Refinement at test time: pose, camera, shape and texture code are fitted to the very photo and its mask.

The networks answer at once for any photo and miss legs by a little; a few steps of descent on the silhouette, and on
the keypoints that the ViT finds, close the gap, from a start that is nearly right. Bone angles, the camera and the
control points of a free-form deformation move, and not far. One photo says nothing of the unseen side, so the shape
changes alike on both. Then the texture code is fitted to the photo's colours. (MagicPony trains the texture network on
the photo; a code leaves all photos one network, and the unseen side plausible.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import mask_distance
from models.engine.loop import LoopConfig, NoCheckpoints, Values, fit
from models.engine.optimiser import Optimiser
from models.geometry.cameras import PerspectiveCamera
from models.geometry.free_form import Lattice
from models.geometry.kinematics import blend, bone_motions, euler_xyz, skin_weights
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.found_keypoints import FoundKeypoints
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.model import Animal
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from models.methods.magicpony.state import Prediction
from models.rendering import deferred
from models.rendering.shading import shade

WHOLE = 0.99
"""Share of a pixel's area from which on it counts as covered."""


class Refinement(Config):
    """How many steps, and what counts how much."""

    steps: int = Field(default=30, ge=1, description="steps of Adam")
    rate: float = Field(default=0.025, gt=0, description="first step of each number, in radians or scene units")
    size: int = Field(default=96, ge=16, description="pixels of the compared silhouettes")
    spacing: float = Field(default=0.25, gt=0, description="distance of the control points of the shape, scene units")
    mask: float = Field(default=10.0, ge=0, description="squared silhouette error")
    mask_distance: float = Field(default=10.0, ge=0, description="animal pixels without surface, by depth")
    keypoints: float = Field(default=5.0, ge=0, description="distance to the keypoints that are found in the photo")
    bones: float = Field(default=2.0, ge=0, description="squared change of the bone angles")
    camera: float = Field(default=0.3, ge=0, description="squared turn of the camera; a shift counts a tenth of it")
    shape: float = Field(default=60.0, ge=0, description="squared shift of the control points")
    rate_colour: float = Field(default=0.3, gt=0, description="first step of each number of the texture code")
    colour: float = Field(default=3e-4, ge=0, description="squared change of the texture code")


@dataclass(frozen=True)
class Refined(AnimalReconstructor):
    """Answers as the model does, then fits each answer to its crop and the mask."""

    refinement: Refinement = Refinement()

    def predict(self, batch: Batch) -> AnimalReconstruction:
        """One animal per crop; one whose mask is empty stays as predicted."""
        here = self._move(batch)
        _, fitted = self.fit_geometry(here)
        return AnimalReconstruction(self.animal, self.renderer, self.fit_colours(fitted, here))

    def fit_geometry(self, batch: Batch) -> tuple[Prediction, Prediction]:
        """The animals as predicted, and fitted to masks and keypoints in the predicted coats."""
        found = self._find(batch)
        predicted = self._predict(batch, found)
        return predicted, self._fitted(predicted, batch, found)

    @torch.no_grad()
    def _fitted(self, prediction: Prediction, batch: Batch, found: FoundKeypoints | None) -> Prediction:
        if prediction.angles is None:
            # Only of the ablation in benchmarks/ whose bones never move; its own_shape stage refines all the same.
            return prediction
        config, free = self.refinement, _FreeAnimal(self.animal, prediction, self.refinement.spacing)
        inside = torch.stack([mask_distance(row > 0.5) for row in batch.mask]).to(batch.mask)
        target = SilhouetteTarget.of(replace(batch, inside=inside), config.size)
        masked = target.mask.amax((1, 2)) > 0

        def loss() -> Float[Tensor, ""]:
            mesh, camera = free.posed()
            rendered = deferred.silhouette(self.renderer, mesh, camera, config.size)
            error = config.mask * target.mse(rendered) + config.mask_distance * target.mask_distance(rendered)
            if found:
                error = error + config.keypoints * found.distance(prediction.prior, mesh, camera)
            # Sums over the batch: an animal is fitted alike in any company.
            changes = config.bones * free.pose_change + config.camera * free.camera_change
            return (error * masked).sum() + changes + config.shape * free.shape_change

        _descend(free.variables, config.rate, config.steps, loss)
        return free.prediction

    @torch.no_grad()
    def fit_colours(self, prediction: Prediction, batch: Batch) -> Prediction:
        """The same animals with texture codes fitted to their photos."""
        config, albedo = self.refinement, self.animal.albedo
        pixels = self._common_pixels(prediction, batch)
        share = 1 / torch.bincount(pixels.image, minlength=len(batch)).clamp(min=1)[pixels.image]
        change = torch.zeros_like(prediction.texture_code, requires_grad=True)

        def loss() -> Float[Tensor, ""]:
            rendered = albedo(pixels.points, prediction.texture_code + change, pixels.image) * pixels.shading[:, None]
            return ((rendered - pixels.rgb).abs().mean(1) * share).sum() + config.colour * change.square().sum()

        _descend({"texture_code": change}, config.rate_colour, config.steps, loss)
        return replace(prediction, texture_code=prediction.texture_code + change)

    def _common_pixels(self, prediction: Prediction, batch: Batch) -> "_Pixels":
        """Pixels well inside the photo's mask and the animal's silhouette."""
        size, mesh, camera, prior = self.refinement.size, prediction.mesh, prediction.camera, prediction.prior[None]
        photo = adaptive_avg_pool2d(batch.image.to(mesh.vertices).movedim(-1, 1), size).movedim(1, -1)
        fragments = self.renderer.rasterize(camera.to_clip(mesh.vertices), mesh.faces, size)
        common = (fragments.face >= 0) & (adaptive_avg_pool2d(batch.mask.to(photo), size) > WHOLE)
        inner = avg_pool2d(common[:, None].to(photo), 3, stride=1, padding=1) > WHOLE
        covered = inner.flatten().nonzero()[:, 0]
        image = torch.div(covered, size**2, rounding_mode="floor")
        points, normal = deferred.points_and_normals(self.renderer, fragments, mesh, camera, prior, covered)
        return _Pixels(points, shade(normal, prediction.light.rows(image)), image, photo.reshape(-1, 3)[covered])


@dataclass(frozen=True)
class _Pixels:
    """Pixels of photos on which an animal is seen."""

    points: Float[Tensor, "pixels 3"]
    """The canonical point at each pixel."""
    shading: Float[Tensor, " pixels"]
    """The factor of the light on each pixel's albedo."""
    image: Int[Tensor, " pixels"]
    """The row in the batch that each pixel belongs to."""
    rgb: Float[Tensor, "pixels 3"]
    """The photo's colours, in [0, 1]."""


class RefinableReconstructor(AnimalReconstructor):
    """A model whose answers can be refined."""

    def refined(self) -> Refined:
        """The same model, refining."""
        return Refined(self.animal, self.renderer, self.finder)


def _descend(free: Mapping[str, Tensor], rate: float, steps: int, loss: Callable[[], Float[Tensor, ""]]) -> None:
    """Steps of Adam on free variables, whose rate shrinks to nothing."""
    with torch.enable_grad():
        config = LoopConfig(steps=steps, report_every=steps)
        fit(_Descent(free, rate, loss), config, NoCheckpoints(), shown=None)


class _Descent:
    """Free variables of one batch of photos; no network learns."""

    modules: Mapping[str, nn.Module] = {}

    def __init__(self, free: Mapping[str, Tensor], rate: float, loss: Callable[[], Float[Tensor, ""]]) -> None:
        self.free, self.loss = tuple(free.values()), loss
        adam = torch.optim.Adam(self.free, lr=rate, betas=(0.8, 0.99))
        self.optimiser = Optimiser(adam, Schedule({0.0: 1.0, 1.0: 0.0}), clip=None)

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam."""
        return {"free": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One step of Adam."""
        loss = self.loss()
        # Not `Optimiser.update`, whose backward pass would leave gradients in the network.
        for variable, gradient in zip(self.free, torch.autograd.grad(loss, self.free), strict=True):
            # Slivers of triangles have no slope at times; the other photos of the batch still move.
            variable.grad = gradient.nan_to_num(0, 0, 0)
        self.optimiser.apply(progress)
        return {"loss": loss.detach()}

    def panel(self, progress: float) -> None:
        """There are no pictures."""


class _FreeAnimal:
    """Bone angles, cameras and shapes near the predicted ones."""

    def __init__(self, animal: Animal, prediction: Prediction, spacing: float) -> None:
        assert prediction.angles is not None
        self.animal, self.predicted, self.predicted_angles = animal, prediction, prediction.angles
        self.lattice = Lattice.around(prediction.prior, spacing)
        self.bones, zeros = torch.zeros_like(self.predicted_angles, requires_grad=True), self.predicted_angles.new_zeros
        count = len(self.bones)
        self.turn, self.shift = (zeros(count, 3).requires_grad_() for _ in range(2))
        self.points = zeros(count, len(self.lattice.points), 3).requires_grad_()
        self.variables = {"bones": self.bones, "turn": self.turn, "shift": self.shift, "points": self.points}

    @property
    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """Legs bend sideways and twist as little as in the prediction."""
        return self.predicted_angles + self.bones * self.animal.articulation.freedom

    @property
    def pose_change(self) -> Float[Tensor, ""]:
        """Squared change of the bone angles."""
        return self.bones.square().mean((1, 2)).sum()

    @property
    def camera_change(self) -> Float[Tensor, ""]:
        """Squared turn and, a tenth as heavy, squared shift of the cameras."""
        return self.turn.square().sum() + 0.1 * self.shift.square().sum()

    @property
    def shape_change(self) -> Float[Tensor, ""]:
        """Squared shift of the control points."""
        return self.points.square().mean((1, 2)).sum()

    @property
    def rest(self) -> Mesh:
        """The animals before they are posed."""
        rest = self.predicted.rest
        return Mesh(rest.vertices + self.lattice.carry(self.points), rest.faces)

    @property
    def prediction(self) -> Prediction:
        """What was predicted, with what has changed."""
        rest, (mesh, camera) = self.rest, self.posed()
        deformation = rest.vertices - self.predicted.prior
        return replace(self.predicted, mesh=mesh, rest=rest, camera=camera, angles=self.angles, deformation=deformation)

    def posed(self) -> tuple[Mesh, PerspectiveCamera]:
        """The posed animals and their cameras; the skeleton follows the shape, without gradient."""
        rest = self.rest
        rig = self.animal.rig(replace(self.predicted, rest=rest))
        weights = skin_weights(rest.vertices.detach(), rig.ends)
        vertices = blend(rest.vertices, weights, bone_motions(rig, self.angles))
        T = self.predicted.camera.T_camera_world
        rotation, shift = euler_xyz(self.turn) @ T[:, :3, :3], T[:, :3, 3] + self.shift
        top = torch.cat((rotation, shift[..., None]), -1)
        camera = self.predicted.camera.with_extrinsics(torch.cat((top, T[:, 3:]), 1))
        return Mesh(vertices, self.predicted.mesh.faces), camera
