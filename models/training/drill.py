"""Drill in pose: viewpoint, bones and shape codes learn from known keypoints alone, without drawing anything.

Silhouettes teach a pose slowly, and half of a step's time goes into pictures. Keypoints need only the few vertices
around their markers, so a drill sees about eight times as many crops a second. What the drill is not about is held
where it was: the prior shape and the colours do not take part, and every animal keeps its own shape.
"""

import logging
from copy import deepcopy

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.config import Config
from models.geometry.camera import Camera
from models.geometry.lbs import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, joints, parents
from models.losses import viewpoints
from models.losses.keypoints import keypoints
from models.networks.pose import plausible
from models.prediction import Batch
from models.schedule import Schedule
from models.training.batch import Crops, drawn, random
from models.training.markers import Marked

logger = logging.getLogger(__name__)
NEAR, THINNED = 24, 6
"""Vertices kept around each marker; of the others one in so many, for the skeleton."""


class DrillConfig(Config):
    """How long, and what counts how much beside the keypoints, which count 1."""

    after: int = Field(default=6000, ge=0, description="steps of the training that come before the drill")
    steps: int = Field(default=2500, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=64, ge=1, description="crops per step")
    rate: float = Field(default=1.5e-3, gt=0, description="learning rate")
    decay: Schedule = Field(default=Schedule({0.0: 0.05, 0.05: 1.0, 0.6: 1.0, 1.0: 0.03}), description="factor on it")
    camera: float = Field(default=2.0, ge=0, description="error of the camera's direction")
    quadrant: float = Field(default=0.1, ge=0, description="cross entropy of the hypotheses' scores")
    bones: float = Field(default=0.02, ge=0, description="squared bone angles")
    shape: float = Field(default=2.0, ge=0, description="squared change of each animal's shape")


def drill(animal: Marked, crops: Crops, config: DrillConfig, seed: int) -> None:
    """Train `animal` in place; it depends on its weights, the crops, the config and the seed alone."""
    lesson = _Lesson(animal)
    learning = [animal.pose, animal.key_code, animal.articulation, animal.deformation]
    parameters = [animal.markers, *(each for part in learning for each in part.parameters())]
    optimizer = torch.optim.Adam(parameters)
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.rate * config.decay.at(step / config.steps)
        rows, flipped = drawn(len(crops), config.batch, step, seed)
        error, loss = lesson(crops.batch(rows, flipped), config, random(seed, "drill", step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        # The training that follows finds no gradient of the drill's.
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 200 == 0:
            logger.info("drill step %d/%d | keypoints %.3f", step + 1, config.steps, error.item())


class _Lesson:
    """One animal's frozen parts, and the error of a batch."""

    def __init__(self, animal: Marked) -> None:
        self.animal = animal
        animal.eval()
        with torch.no_grad():
            prior = animal.prior.mesh(1.0, None)
        animal.train()
        kept = _kept(prior.vertices[0], animal.markers.detach())
        # Faces would name vertices that are gone; keypoints need none.
        self.vertices, self.faces = prior.vertices[0, kept], prior.faces[:0]
        self.code = deepcopy(animal.key_code).requires_grad_(False)
        self.deformation = deepcopy(animal.deformation).requires_grad_(False)

    def __call__(self, batch: Batch, config: DrillConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean distance of the keypoints, and the loss."""
        assert batch.truth is not None
        animal = self.animal
        _, keys = animal.tokens(batch, True)
        allowed = plausible(batch.view, batch.truth.towards)
        pose = animal.pose(keys, allowed, 1.0, generator)
        assert pose.alternatives is not None
        code = animal.key_code(keys)
        shift = animal.deformation(self.vertices, code)
        posed, angles = self._posed(self.vertices + shift, pose.camera, keys, code)
        error = keypoints(animal.markers, self.vertices, Mesh(posed, self.faces), pose.camera, batch)
        with torch.no_grad():
            before = self.deformation(self.vertices, self.code(keys))
        loss = (
            error
            + config.camera * viewpoints.camera(pose.camera, batch)
            + config.quadrant * cross_entropy(-pose.alternatives.score, allowed.int().argmax(-1))
            + config.bones * angles.square().mean()
            + config.shape * (shift - before).square().mean()
        )
        return error.detach(), loss

    def _posed(
        self, rest: Float[Tensor, "batch kept 3"], camera: Camera, keys: Tensor, code: Tensor
    ) -> tuple[Float[Tensor, "batch kept 3"], Float[Tensor, "batch bones 3"]]:
        """The kept vertices under the predicted bone angles, and these."""
        animal = self.animal
        tree = parents(animal.skeleton, animal.attachment, True)
        rig = Rig(joints(rest, animal.skeleton, animal.attachment), tree)
        angles = animal.articulation(rig.ends, camera, keys, code)
        return blend(rest, skin_weights(rest, rig.ends), bone_motions(rig, angles)), angles


def _kept(vertices: Float[Tensor, "vertices 3"], markers: Float[Tensor, "markers 3"]) -> Int[Tensor, " kept"]:
    """Those around the markers, those that reach farthest, and one in THINNED of all."""
    near = torch.cdist(markers, vertices).topk(min(NEAR, len(vertices)), largest=False).indices.flatten()
    tips = torch.cat((vertices.argmax(0), vertices.argmin(0)))
    return torch.cat((near, tips, torch.arange(0, len(vertices), THINNED))).unique()
