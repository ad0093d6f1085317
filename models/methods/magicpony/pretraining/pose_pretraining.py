"""Supervised pre-training of pose and shape on synthetic animals; prior shape and appearance networks stay frozen.

Half of the time of a training step goes into pictures that say little of a pose, and the prior shape has to be made
anew for each. Here the losses are keypoints, surfaces and silhouettes of procedural animals alone, and the prior shape
is the one of the grid that answers are given on, so more crops are seen in a second. (On a coarser grid legs are
thinner; the deformation makes up for it, and on the fine one the animals would be too fat.)
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops, batch_rows, random
from models.engine.ema import update_ema
from models.engine.loop import Checkpoints, LoopConfig, Values, fit
from models.engine.optimiser import Optimiser
from models.geometry.cameras import Camera
from models.geometry.kinematics import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, joints, parents
from models.methods.magicpony.losses import viewpoints
from models.methods.magicpony.losses.keypoint_distance import keypoint_distance
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.losses.surface_distance import surface_distance
from models.methods.magicpony.networks.pose import plausible
from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.rendering import Renderer
from models.rendering.deferred import silhouette

SIZE = 64
"""Pixels along an edge of a silhouette."""
SHORTEST = 0.05
"""Least length of an edge in scene units; marching tetrahedra give some edges next to no length."""
REPORT_EVERY = 200
"""Steps between two progress lines, and between checkpoints."""
SHOWN = ("keypoints", "surface", "mask", "camera", "quadrant")
"""Losses on the progress line."""


class PosePretrainingConfig(Config):
    """How long, and what counts how much."""

    after: int = Field(default=6000, ge=0, description="steps of the training before the pre-training")
    steps: int = Field(default=3000, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=48, ge=1, description="crops per step")
    rate: float = Field(default=1e-3, gt=0, description="learning rate")
    lr_schedule: Schedule = Field(
        default=Schedule({0.0: 0.05, 0.05: 1.0, 0.5: 1.0, 1.0: 0.03}), description="factor on the learning rate"
    )
    weight_decay: float = Field(default=0.03, ge=0, description="weight decay of AdamW")
    ema_decay: float = Field(default=0.995, ge=0, lt=1, description="decay of the running mean of the weights")
    feature_dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout of the ViT's keys")
    keypoints: float = Field(default=1.0, ge=0, description="distance to the known keypoints")
    surface: float = Field(default=3.0, ge=0, description="distance to the known surface")
    mask: float = Field(default=20.0, ge=0, description="squared silhouette error")
    mask_distance: float = Field(default=20.0, ge=0, description="animal pixels without surface, by depth")
    camera: float = Field(default=3.3, ge=0, description="error of the camera's direction")
    quadrant: float = Field(default=0.1, ge=0, description="cross entropy of the hypotheses' scores")
    bones: float = Field(default=0.03, ge=0, description="squared bone angles")
    shape: float = Field(default=1.0, ge=0, description="squared vertex shifts")
    strain: float = Field(default=1.0, ge=0, description="squared difference of shifts along edges over their length")


def pretrain_pose(  # noqa: PLR0913 - what a training is made of
    animal: KeypointAnimal,
    crops: Crops,
    renderer: Renderer,
    config: PosePretrainingConfig,
    seed: int,
    checkpoints: Checkpoints,
) -> None:
    """Train `animal` in place to the running mean of its weights, which the crops, the config and the seed decide."""
    if not config.steps:
        return
    learner = _Learner(animal, crops, renderer, config, seed)
    loop = LoopConfig(steps=config.steps, report_every=REPORT_EVERY, save_every=REPORT_EVERY)
    fit(learner, loop, checkpoints, shown=SHOWN)
    learner.networks.load_state_dict(learner.mean.state_dict())


class _Networks(nn.Module):
    """The networks that learn, and the surface keypoints."""

    def __init__(self, animal: KeypointAnimal) -> None:
        super().__init__()
        self.markers = animal.markers
        self.pose, self.key_code = animal.pose, animal.key_code
        self.articulation, self.deformation = animal.articulation, animal.deformation


class _Learner:
    """AdamW over pose, articulation, deformation and their image code, with a running mean of the weights."""

    def __init__(
        self, animal: KeypointAnimal, crops: Crops, renderer: Renderer, config: PosePretrainingConfig, seed: int
    ) -> None:
        self.crops, self.config, self.seed = crops, config, seed
        self.objective = _Objective(animal, renderer, config)
        self.networks = _Networks(animal)
        self.mean = deepcopy(self.networks).requires_grad_(False)
        adam = torch.optim.AdamW(self.networks.parameters(), lr=config.rate, weight_decay=config.weight_decay)
        self.optimiser = Optimiser(adam, config.lr_schedule)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks and their running mean."""
        return {"networks": self.networks, "mean": self.mean}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One AdamW."""
        return {"networks": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        rows, flipped = batch_rows(len(self.crops), self.config.batch, number, self.seed)
        # The key of the random numbers is from the first of these trainings: another one would give other weights.
        generator = random(self.seed, "drill", number)
        loss, values = self.objective.loss(self.crops.batch(rows, flipped), generator)
        self.optimiser.update(loss, progress)
        update_ema(self.mean, self.networks, self.config.ema_decay)
        return {"loss": loss.detach(), **values}

    def panel(self, progress: float) -> None:
        """There are no pictures."""


class _Objective:
    """The frozen prior shape of an animal, and the loss of a batch."""

    def __init__(self, animal: KeypointAnimal, renderer: Renderer, config: PosePretrainingConfig) -> None:
        self.animal, self.renderer, self.config = animal, renderer, config
        animal.eval()
        with torch.no_grad():
            prior = animal.prior.mesh(1.0, None)
        animal.train()
        self.vertices, self.faces = prior.vertices[0], prior.faces
        sides = torch.cat([self.faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
        self.edges = sides.sort(1).values.unique(dim=0)
        self.tree = parents(animal.skeleton, animal.attachment, True)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum, and the value of each loss by its name."""
        assert batch.truth is not None
        animal, config = self.animal, self.config
        _, keys = animal.tokens(batch, True)
        kept = torch.rand(keys.shape, generator=generator).to(keys) >= config.feature_dropout
        keys = keys * kept / (1 - config.feature_dropout)
        allowed = plausible(batch.view, towards=batch.truth.towards)
        pose = animal.pose(keys, allowed, 1.0, generator)
        assert pose.alternatives is not None
        code = animal.key_code(keys)
        shift = animal.read(animal.deformation, self.vertices, code)
        posed, angles = self._posed(self.vertices + shift, pose.camera, keys, code)
        mesh = Mesh(posed, self.faces)
        rendered = silhouette(self.renderer, mesh, pose.camera, SIZE)
        target = SilhouetteTarget.of(batch, SIZE)
        surface = (animal.markers, self.vertices, mesh, pose.camera, batch)
        losses = {
            "keypoints": (config.keypoints, keypoint_distance(*surface)),
            "surface": (config.surface, surface_distance(*surface, generator)),
            "mask": (config.mask, target.mse(rendered).mean()),
            "mask_distance": (config.mask_distance, target.mask_distance(rendered).mean()),
            "camera": (config.camera, viewpoints.camera_distance(pose.camera, batch)),
            "quadrant": (config.quadrant, cross_entropy(-pose.alternatives.score, allowed.int().argmax(-1))),
            "bones": (config.bones, angles.square().mean()),
            "shape": (config.shape, shift.square().mean()),
            "strain": (config.strain, self._strain(shift)),
        }
        total = sum((weight * value for weight, value in losses.values()), posed.new_zeros(()))
        return total, {name: value.detach() for name, (_, value) in losses.items()}

    def _strain(self, shift: Float[Tensor, "batch vertices 3"]) -> Float[Tensor, ""]:
        """Keeps the surface smooth: known points are few and pull it into ripples."""
        one, other = self.edges.unbind(1)
        length = (self.vertices[one] - self.vertices[other]).norm(dim=-1).clamp(min=SHORTEST)
        return ((shift[:, one] - shift[:, other]).square().sum(-1) / length.square()).mean()

    def _posed(
        self,
        rest: Float[Tensor, "batch vertices 3"],
        camera: Camera,
        keys: Float[Tensor, "batch channels rows columns"],
        code: Float[Tensor, "batch code"],
    ) -> tuple[Float[Tensor, "batch vertices 3"], Float[Tensor, "batch bones 3"]]:
        """The vertices under the predicted bone angles, and these."""
        animal = self.animal
        rig = Rig(joints(rest, animal.skeleton, animal.attachment), self.tree)
        angles = animal.articulation(rig.ends, camera, keys, code)
        return blend(rest, skin_weights(rest, rig.ends), bone_motions(rig, angles)), angles
