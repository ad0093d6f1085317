"""Refinement at test time: what was predicted is fitted to the very photo and its mask.

The networks answer at once for any photo and miss legs by a little; a few steps of descent on the silhouette close the
gap, from a start that is nearly right. Bone angles and the camera move, and not far: one silhouette says nothing of the
unseen side, so the shape stays as predicted. Then the texture code is fitted to the photo's colours. (MagicPony trains
the texture network on the photo; a code leaves all photos one network, and the unseen side plausible.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from models.core.config import Config
from models.data.batch import Batch
from models.data.crops import mask_distance
from models.geometry.cameras import PerspectiveCamera
from models.geometry.kinematics import blend, bone_motions, euler_xyz, skin_weights
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from models.methods.magicpony.state import Prediction
from models.rendering import deferred
from models.rendering.shading import shade

WHOLE = 0.99
"""A pixel covered this far is covered."""


class Refinement(Config):
    """How many steps, and what counts how much."""

    steps: int = Field(default=16, ge=1, description="steps of Adam")
    rate: float = Field(default=0.015, gt=0, description="first step of each number, in radians or scene units")
    size: int = Field(default=64, ge=16, description="pixels of the compared silhouettes")
    mask: float = Field(default=10.0, ge=0, description="squared silhouette error")
    mask_distance: float = Field(default=10.0, ge=0, description="animal pixels without surface, by depth")
    bones: float = Field(default=0.3, ge=0, description="squared change of the bone angles")
    camera: float = Field(default=0.3, ge=0, description="squared turn of the camera; a shift counts a tenth of it")
    rate_colour: float = Field(default=0.3, gt=0, description="first step of each number of the texture code")
    colour: float = Field(default=3e-4, ge=0, description="squared change of the texture code")


@dataclass(frozen=True)
class Refined(AnimalReconstructor):
    """Answers as the model does, then fits each answer to its crop and the mask."""

    refinement: Refinement = Refinement()

    def predict(self, batch: Batch) -> AnimalReconstruction:
        """One animal per crop; one whose mask is empty stays as predicted."""
        fitted = self.coloured(self._fitted(self._predict(batch), batch), batch)
        return AnimalReconstruction(self.animal, self.renderer, fitted)

    @torch.no_grad()
    def _fitted(self, found: Prediction, batch: Batch) -> Prediction:
        if found.angles is None:
            return found
        config, pose = self.refinement, _Pose(self, found)
        mask, valid = self._here(batch.mask), self._here(batch.valid)
        depth = torch.stack([mask_distance(each > 0.5) for each in mask]).to(mask)
        silhouettes = SilhouetteTarget.of(replace(batch, mask=mask, valid=valid, inside=depth), config.size)
        masked = silhouettes.mask.amax((1, 2)) > 0

        def loss() -> Tensor:
            mesh, camera = pose()
            covered = deferred.silhouette(self.renderer, mesh, camera, config.size)
            error = config.mask * silhouettes.mse(covered) + config.mask_distance * silhouettes.mask_distance(covered)
            # Sums over the batch: an animal is fitted alike in any company.
            return (error * masked).sum() + config.bones * pose.bent + config.camera * pose.strayed

        _descend(pose.moving, config.rate, config.steps, loss)
        mesh, camera = pose()
        return replace(found, mesh=mesh, camera=camera, angles=pose.angles)

    @torch.no_grad()
    def coloured(self, found: Prediction, batch: Batch) -> Prediction:
        """The same animals with texture codes fitted to their photos."""
        config, albedo = self.refinement, self.animal.albedo
        points, shading, image, colour = self._seen(found, batch)
        share = 1 / torch.bincount(image, minlength=len(batch)).clamp(min=1)[image]
        change = torch.zeros_like(found.texture_code, requires_grad=True)

        def loss() -> Tensor:
            drawn = albedo(points, found.texture_code + change, image) * shading[:, None]
            return ((drawn - colour).abs().mean(1) * share).sum() + config.colour * change.square().sum()

        _descend([change], config.rate_colour, config.steps, loss)
        return replace(found, texture_code=found.texture_code + change)

    def _seen(self, found: Prediction, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Canonical point, shading, image and photo's colour of each pixel well inside photo and animal."""
        size, mesh, camera = self.refinement.size, found.mesh, found.camera
        photo = adaptive_avg_pool2d(batch.image.to(mesh.vertices).movedim(-1, 1), size).movedim(1, -1)
        fragments = self.renderer.rasterize(camera.to_clip(mesh.vertices), mesh.faces, size)
        common = (fragments.face >= 0) & (adaptive_avg_pool2d(batch.mask.to(photo), size) > WHOLE)
        inner = avg_pool2d(common[:, None].to(photo), 3, stride=1, padding=1) > WHOLE
        covered = inner.flatten().nonzero()[:, 0]
        image = torch.div(covered, size**2, rounding_mode="floor")
        points, normal = deferred.points_and_normals(self.renderer, fragments, mesh, camera, found.prior[None], covered)
        return points, shade(normal, found.light.rows(image)), image, photo.reshape(-1, 3)[covered]


class RefinableReconstructor(AnimalReconstructor):
    """A model whose answers can be refined."""

    def refined(self) -> Refined:
        """The same model, refining."""
        return Refined(self.animal, self.renderer)


@torch.enable_grad()
def _descend(moving: Sequence[Tensor], rate: float, steps: int, loss: Callable[[], Tensor]) -> None:
    """Steps of Adam that shrink to nothing."""
    optimizer = torch.optim.Adam(moving, betas=(0.8, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        # Not `backward`, which would leave gradients in the network.
        for part, slope in zip(moving, torch.autograd.grad(loss(), moving), strict=True):
            # Slivers of triangles have no slope at times.
            part.grad = slope.nan_to_num(0, 0, 0)
        optimizer.step()


class _Pose:
    """Bone angles and cameras near the predicted ones."""

    def __init__(self, ours: AnimalReconstructor, found: Prediction) -> None:
        assert found.angles is not None
        self.found, self.freedom = found, ours.animal.articulation.freedom
        self.rig = ours.animal.rig(found)
        self.weights = skin_weights(found.rest.vertices, self.rig.ends)
        self.bones = torch.zeros_like(found.angles, requires_grad=True)
        self.turn, self.shift = (found.angles.new_zeros(len(found.angles), 3).requires_grad_() for _ in "ab")
        self.moving = [self.bones, self.turn, self.shift]

    @property
    def angles(self) -> Float[Tensor, "batch bones 3"]:
        """Legs bend sideways and twist as little as in the prediction."""
        assert self.found.angles is not None
        return self.found.angles + self.bones * self.freedom

    @property
    def bent(self) -> Float[Tensor, ""]:
        return self.bones.square().mean((1, 2)).sum()

    @property
    def strayed(self) -> Float[Tensor, ""]:
        return self.turn.square().sum() + 0.1 * self.shift.square().sum()

    def __call__(self) -> tuple[Mesh, PerspectiveCamera]:
        vertices = blend(self.found.rest.vertices, self.weights, bone_motions(self.rig, self.angles))
        T = self.found.camera.T_camera_world
        rotation, shift = euler_xyz(self.turn) @ T[:, :3, :3], T[:, :3, 3] + self.shift
        top = torch.cat((rotation, shift[..., None]), -1)
        camera = self.found.camera.with_extrinsics(torch.cat((top, T[:, 3:]), 1))
        return Mesh(vertices, self.found.mesh.faces), camera
