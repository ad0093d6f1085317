"""Supervised pre-training of shape and pose on synthetic animals; appearance and feature field stay as they are.

Half of the time of a training step goes into pictures that say little of a pose. Here the losses are keypoints,
surfaces and silhouettes of procedural animals alone, so more crops are seen in a second. The prior shape learns too, on
the grid that answers are given on: frozen, it leaves everything to the deformation (docs/lab, round 14).
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float, Int
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
from models.methods.magicpony.losses.regularisers import eikonal
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
EIKONAL_POINTS = 1500
"""In the cube, and as many near the surface."""
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
    rate_prior: float = Field(default=5e-4, gt=0, description="learning rate of the prior shape")
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
    eikonal: float = Field(default=0.03, ge=0, description="slope of the distance field off 1")
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
        self.markers, self.prior = animal.markers, animal.prior.distance
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
        prior = list(self.networks.prior.parameters())
        rest = [p for name, p in self.networks.named_parameters() if not name.startswith("prior.")]
        groups = [{"params": rest}, {"params": prior, "lr": config.rate_prior, "weight_decay": 0.0}]
        adam = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)
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
        self.tree = parents(animal.skeleton, animal.attachment, True)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum, and the value of each loss by its name."""
        assert batch.truth is not None
        animal, config = self.animal, self.config
        prior = animal.prior.mesh(1.0, generator)
        vertices, faces = prior.vertices[0], prior.faces
        _, keys = animal.tokens(batch, True)
        kept = torch.rand(keys.shape, generator=generator).to(keys) >= config.feature_dropout
        keys = keys * kept / (1 - config.feature_dropout)
        allowed = plausible(batch.view, towards=batch.truth.towards)
        pose = animal.pose(keys, allowed, 1.0, generator)
        assert pose.alternatives is not None
        code = animal.key_code(keys)
        shift = animal.read(animal.deformation, vertices, code)
        posed, angles = self._posed(vertices + shift, pose.camera, keys, code)
        mesh = Mesh(posed, faces)
        rendered = silhouette(self.renderer, mesh, pose.camera, SIZE)
        target = SilhouetteTarget.of(batch, SIZE)
        surface = (animal.markers, vertices, mesh, pose.camera, batch)
        losses = {
            "keypoints": (config.keypoints, keypoint_distance(*surface)),
            "surface": (config.surface, surface_distance(*surface, generator)),
            "mask": (config.mask, target.mse(rendered).mean()),
            "mask_distance": (config.mask_distance, target.mask_distance(rendered).mean()),
            "camera": (config.camera, viewpoints.camera_distance(pose.camera, batch)),
            "quadrant": (config.quadrant, cross_entropy(-pose.alternatives.score, allowed.int().argmax(-1))),
            "bones": (config.bones, angles.square().mean()),
            "shape": (config.shape, shift.square().mean()),
            "strain": (config.strain, strain(shift, vertices.detach(), faces)),
            "eikonal": (config.eikonal, eikonal(animal.sdf, vertices, animal.half_extent, EIKONAL_POINTS, generator)),
        }
        total = sum((weight * value for weight, value in losses.values()), posed.new_zeros(()))
        return total, {name: value.detach() for name, (_, value) in losses.items()}

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


def strain(
    shift: Float[Tensor, "batch vertices 3"], vertices: Float[Tensor, "vertices 3"], faces: Int[Tensor, "faces 3"]
) -> Float[Tensor, ""]:
    """Keeps the surface smooth: known points are few and pull it into ripples."""
    sides = torch.cat([faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    one, other = sides.sort(1).values.unbind(1)
    # Pairs as single numbers: `unique` over rows takes twenty times as long.
    edges = (one * len(vertices) + other).unique()
    one, other = edges // len(vertices), edges % len(vertices)
    length = (vertices[one] - vertices[other]).norm(dim=-1).clamp(min=SHORTEST)
    return ((shift[:, one] - shift[:, other]).square().sum(-1) / length.square()).mean()
