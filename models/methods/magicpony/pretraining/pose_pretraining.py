"""Drill in shape and pose: what one photo tells of one animal, learnt without colours and features.

Half of a step's time goes into pictures that say little of a pose, and the prior shape has to be made anew for each. A
drill knows keypoints, surfaces and silhouettes of procedural animals, takes the prior shape as it stands, on the grid
that answers are given on, and so sees more crops a second. Prior shape and colours do not take part.
(On a coarser grid legs are thinner; the drill makes up for it, and on the fine one its animals are too fat.)
"""

import logging

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops, drawn, random
from models.geometry.cameras import Camera
from models.geometry.kinematics import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, joints, parents
from models.methods.magicpony.losses import viewpoints
from models.methods.magicpony.losses.keypoint_distance import keypoints
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.losses.surface_distance import surface
from models.methods.magicpony.networks.pose import plausible
from models.methods.magicpony.pretraining.surface_keypoints import Marked
from models.rendering import Renderer
from models.rendering.deferred import silhouette

logger = logging.getLogger(__name__)
SIZE = 64
"""Pixels of a silhouette."""
SHORTEST = 0.05
"""Scene units; marching tetrahedra give some edges next to no length."""


class DrillConfig(Config):
    """How long, and what counts how much."""

    after: int = Field(default=6000, ge=0, description="steps of the training that come before the drill")
    steps: int = Field(default=3000, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=48, ge=1, description="crops per step")
    rate: float = Field(default=1e-3, gt=0, description="learning rate")
    decay: Schedule = Field(default=Schedule({0.0: 0.05, 0.05: 1.0, 0.5: 1.0, 1.0: 0.03}), description="factor on it")
    shrink: float = Field(default=0.03, ge=0, description="weight decay of AdamW")
    average: float = Field(default=0.995, ge=0, lt=1, description="decay of the running mean of the weights")
    dropped: float = Field(default=0.1, ge=0, lt=1, description="share of the keys' numbers that a step does not see")
    keypoints: float = Field(default=1.0, ge=0, description="distance to the known keypoints")
    surface: float = Field(default=3.0, ge=0, description="distance to the known surface")
    mask: float = Field(default=20.0, ge=0, description="squared silhouette error")
    mask_distance: float = Field(default=20.0, ge=0, description="animal pixels without surface, by depth")
    camera: float = Field(default=3.3, ge=0, description="error of the camera's direction")
    quadrant: float = Field(default=0.1, ge=0, description="cross entropy of the hypotheses' scores")
    bones: float = Field(default=0.03, ge=0, description="squared bone angles")
    shape: float = Field(default=1.0, ge=0, description="squared vertex shifts")
    strain: float = Field(default=1.0, ge=0, description="squared difference of shifts along edges over their length")


def drill(animal: Marked, crops: Crops, renderer: Renderer, config: DrillConfig, seed: int) -> None:
    """Train `animal` in place to the running mean of its weights, which the crops, the config and the seed decide."""
    lesson = _Lesson(animal, renderer)
    learning = [animal.pose, animal.key_code, animal.articulation, animal.deformation]
    parameters: list[Tensor] = [animal.markers, *(each for part in learning for each in part.parameters())]
    optimizer = torch.optim.AdamW(parameters, weight_decay=config.shrink)
    mean, follow = [each.detach().clone() for each in parameters], get_ema_multi_avg_fn(config.average)
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.rate * config.decay.at(step / config.steps)
        rows, flipped = drawn(len(crops), config.batch, step, seed)
        missed, loss = lesson(crops.batch(rows, flipped), config, random(seed, "drill", step))
        loss.backward()
        # As in training, a gradient that is not finite changes nothing.
        if torch.nn.utils.clip_grad_norm_(parameters, 1.0).isfinite():
            optimizer.step()
        # The training that follows finds no gradient of the drill's.
        optimizer.zero_grad(set_to_none=True)
        follow(mean, parameters, step)
        if (step + 1) % 200 == 0:
            told = " ".join(f"{name} {value:.3f}" for name, value in missed.items())
            logger.info("drill step %d/%d | %s", step + 1, config.steps, told)
    with torch.no_grad():
        for each, settled in zip(parameters, mean, strict=True):
            each.copy_(settled)


class _Lesson:
    """One animal's frozen parts, and the error of a batch."""

    def __init__(self, animal: Marked, renderer: Renderer) -> None:
        self.animal, self.renderer = animal, renderer
        animal.eval()
        with torch.no_grad():
            prior = animal.prior.mesh(1.0, None)
        animal.train()
        self.vertices, self.faces = prior.vertices[0], prior.faces
        sides = torch.cat([self.faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
        self.edges = sides.sort(1).values.unique(dim=0)
        self.tree = parents(animal.skeleton, animal.attachment, True)

    def __call__(
        self, batch: Batch, config: DrillConfig, generator: torch.Generator
    ) -> tuple[dict[str, float], Tensor]:
        """What it misses by name, and the loss."""
        assert batch.truth is not None
        animal = self.animal
        _, keys = animal.tokens(batch, True)
        seen = torch.rand(keys.shape, generator=generator).to(keys) >= config.dropped
        keys = keys * seen / (1 - config.dropped)
        allowed = plausible(batch.view, towards=batch.truth.towards)
        pose = animal.pose(keys, allowed, 1.0, generator)
        assert pose.alternatives is not None
        code = animal.key_code(keys)
        shift = animal.read(animal.deformation, self.vertices, code)
        posed, angles = self._posed(self.vertices + shift, pose.camera, keys, code)
        mesh = Mesh(posed, self.faces)
        covered = silhouette(self.renderer, mesh, pose.camera, SIZE)
        silhouettes = SilhouetteTarget.of(batch, SIZE)
        missed = {
            "keypoints": (config.keypoints, keypoints(animal.markers, self.vertices, mesh, pose.camera, batch)),
            "surface": (config.surface, surface(animal.markers, self.vertices, mesh, pose.camera, batch, generator)),
            "mask": (config.mask, silhouettes.mse(covered).mean()),
            "mask_distance": (config.mask_distance, silhouettes.mask_distance(covered).mean()),
            "camera": (config.camera, viewpoints.camera(pose.camera, batch)),
            "quadrant": (config.quadrant, cross_entropy(-pose.alternatives.score, allowed.int().argmax(-1))),
            "bones": (config.bones, angles.square().mean()),
            "shape": (config.shape, shift.square().mean()),
            "strain": (config.strain, self._strain(shift)),
        }
        loss = sum((weight * value for weight, value in missed.values()), posed.new_zeros(()))
        return {name: value.item() for name, (_, value) in missed.items()}, loss

    def _strain(self, shift: Float[Tensor, "batch vertices 3"]) -> Float[Tensor, ""]:
        """Keeps the surface smooth: known points are few and pull it into ripples."""
        one, other = self.edges.unbind(1)
        length = (self.vertices[one] - self.vertices[other]).norm(dim=-1).clamp(min=SHORTEST)
        return ((shift[:, one] - shift[:, other]).square().sum(-1) / length.square()).mean()

    def _posed(
        self, rest: Float[Tensor, "batch vertices 3"], camera: Camera, keys: Tensor, code: Tensor
    ) -> tuple[Float[Tensor, "batch vertices 3"], Float[Tensor, "batch bones 3"]]:
        """The vertices under the predicted bone angles, and these."""
        animal = self.animal
        rig = Rig(joints(rest, animal.skeleton, animal.attachment), self.tree)
        angles = animal.articulation(rig.ends, camera, keys, code)
        return blend(rest, skin_weights(rest, rig.ends), bone_motions(rig, angles)), angles
