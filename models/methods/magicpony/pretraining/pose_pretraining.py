"""Supervised pre-training of shape and pose on synthetic animals; appearance and feature field stay as they are.

Half of the time of a training step goes into pictures that say little of a pose. Here the losses are keypoints,
surfaces and silhouettes of procedural animals alone, so more crops are seen in a second. The prior shape learns too, on
the grid that answers are given on: frozen, it leaves everything to the deformation (docs/lab, round 14).
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops, batch_rows, random
from models.engine.ema import update_ema
from models.engine.loop import Checkpoints, LoopConfig, Values, fit
from models.engine.optimiser import Optimiser
from models.methods.magicpony.losses import viewpoints
from models.methods.magicpony.losses.keypoint_distance import keypoint_distance
from models.methods.magicpony.losses.regularisers import eikonal
from models.methods.magicpony.losses.surface_distance import surface_distance
from models.methods.magicpony.networks.pose import plausible
from models.methods.magicpony.pretraining.silhouette_fitting import SilhouetteObjective, SilhouetteWeights
from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.rendering import Renderer

EIKONAL_POINTS = 1500
"""In the cube, and as many near the surface."""
REPORT_EVERY = 200
"""Steps between two progress lines, and between checkpoints."""
SHOWN = ("keypoints", "surface", "mask", "camera", "quadrant")
"""Losses on the progress line."""


class PosePretrainingConfig(SilhouetteWeights):
    """How long, and what counts how much."""

    steps: int = Field(default=2000, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=48, ge=1, description="crops per step")
    rate: float = Field(default=1e-3, gt=0, description="learning rate")
    rate_prior: float = Field(default=5e-4, gt=0, description="learning rate of the prior shape")
    lr_schedule: Schedule = Field(
        default=Schedule({0.0: 0.05, 0.05: 1.0, 0.5: 1.0, 1.0: 0.03}), description="factor on the learning rate"
    )
    weight_decay: float = Field(default=0.03, ge=0, description="weight decay of AdamW")
    ema_decay: float = Field(default=0.995, ge=0, lt=1, description="decay of the running mean of the weights")
    keypoints: float = Field(default=1.0, ge=0, description="distance to the known keypoints")
    surface: float = Field(default=3.0, ge=0, description="distance to the known surface")
    camera: float = Field(default=3.3, ge=0, description="error of the camera's direction")
    quadrant: float = Field(default=0.1, ge=0, description="cross entropy of the hypotheses' scores")
    eikonal: float = Field(default=0.03, ge=0, description="slope of the distance field off 1")


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
    """AdamW over all but feature field, colours and light, with a running mean of the weights."""

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
    """The prior shape of an animal, and the loss of a batch."""

    def __init__(self, animal: KeypointAnimal, renderer: Renderer, config: PosePretrainingConfig) -> None:
        self.animal, self.config = animal, config
        self.silhouettes = SilhouetteObjective(animal, renderer, config)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum, and the value of each loss by its name."""
        assert batch.truth is not None
        animal, config = self.animal, self.config
        prior = animal.prior.mesh(1.0, generator)
        vertices = prior.vertices[0]
        allowed = plausible(batch.view, towards=batch.truth.towards)
        fit = self.silhouettes.predict(batch, vertices, prior.faces, allowed, generator)
        assert fit.pose.alternatives is not None
        masks = self.silhouettes.mask_losses(fit, batch)
        surface = (animal.markers, vertices, fit.mesh, fit.pose.camera, batch)
        losses = {
            "keypoints": (config.keypoints, keypoint_distance(*surface)),
            "surface": (config.surface, surface_distance(*surface, generator)),
            **masks,
            "camera": (config.camera, viewpoints.camera_distance(fit.pose.camera, batch)),
            "quadrant": (config.quadrant, cross_entropy(-fit.pose.alternatives.score, allowed.int().argmax(-1))),
            **self.silhouettes.regularisers(fit, vertices),
            "eikonal": (config.eikonal, eikonal(animal.sdf, vertices, animal.half_extent, EIKONAL_POINTS, generator)),
        }
        total = sum((weight * value for weight, value in losses.values()), vertices.new_zeros(()))
        return total, {name: value.detach() for name, (_, value) in losses.items()}
