"""Fitting of pose, articulation and deformation to silhouettes and found keypoints, many crops a second.

Half of the time of a training step goes into colours and features, which say little of an animal's proportions. Where
a warm start knows quadrupeds and not this one, masks tell it most of what is new. The prior shape stays frozen: masks
of side views cannot tell two fore legs from one, and a prior shape that learns from them loses a leg. Keypoints that
the ViT finds in the photos tell it which leg is which.

`SilhouetteObjective` is also what the supervised pose pre-training consists of beside its known animals.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops, batch_rows, random
from models.data.parts import Part, per_image
from models.engine.ema import update_ema
from models.engine.loop import Panel, Values
from models.engine.optimiser import Optimiser
from models.engine.process_group import process_count, process_rank
from models.geometry.kinematics import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, joints, parents
from models.methods.magicpony.losses.found_keypoints import FoundKeypoints
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.pose import Pose, plausible
from models.methods.magicpony.panels import ROWS, panel
from models.rendering import Renderer
from models.rendering.deferred import silhouette

SIZE = 64
"""Pixels along an edge of a silhouette."""
SHORTEST = 0.05
"""Least length of an edge in scene units; marching tetrahedra give some edges next to no length."""


class SilhouetteWeights(Config):
    """What counts how much."""

    feature_dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout of the ViT's keys")
    mask: float = Field(default=20.0, ge=0, description="squared silhouette error")
    mask_distance: float = Field(default=20.0, ge=0, description="animal pixels without surface, by depth")
    bones: float = Field(default=0.03, ge=0, description="squared bone angles")
    shape: float = Field(default=1.0, ge=0, description="squared vertex shifts")
    strain: float = Field(default=1.0, ge=0, description="squared difference of shifts along edges over their length")


class SilhouetteFitting(SilhouetteWeights):
    """How long and how fast."""

    steps: int = Field(default=0, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=48, ge=1, description="crops per step")
    deforms: bool = Field(
        default=True, description="whether the animals' shapes learn; false where the photos' proportions are doubtful"
    )
    quadrant: float = Field(default=0.1, ge=0, description="odds of the viewpoints that view word and head rule out")
    keypoints: float = Field(
        default=10.0, ge=0, description="distance to the keypoints that the ViT finds, where it is asked for them"
    )
    rate: float = Field(default=5e-4, gt=0, description="learning rate of articulation and deformation")
    rate_pose: float = Field(default=1e-4, gt=0, description="learning rate of the viewpoint network")
    lr_schedule: Schedule = Field(
        default=Schedule({0.0: 0.05, 0.05: 1.0, 0.5: 1.0, 1.0: 0.03}), description="factor on the learning rates"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="weight decay of AdamW")
    ema_decay: float = Field(default=0.99, ge=0, lt=1, description="decay of the running mean of the weights")


@dataclass(frozen=True)
class SilhouetteFit:
    """What the networks make of a batch."""

    mesh: Mesh
    pose: Pose
    shift: Float[Tensor, "batch vertices 3"]
    angles: Float[Tensor, "batch bones 3"]


class SilhouetteObjective:
    """Posed animals of a batch, and the losses of their silhouettes."""

    def __init__(self, animal: Animal, renderer: Renderer, weights: SilhouetteWeights) -> None:
        """Legs hang on the spine as they do now."""
        self.animal, self.renderer, self.weights = animal, renderer, weights
        self.tree = parents(animal.skeleton, animal.attachment, True)

    def predict(
        self,
        batch: Batch,
        vertices: Float[Tensor, "vertices 3"],
        faces: Int[Tensor, "faces 3"],
        allowed: Bool[Tensor, "batch 4"],
        generator: torch.Generator,
    ) -> SilhouetteFit:
        """The animals of the photos: this prior shape deformed and posed, seen from one of the `allowed` quadrants."""
        animal = self.animal
        _, keys = animal.tokens(batch, True)
        drawn = per_image(lambda images: torch.rand(images, *keys.shape[1:], generator=generator), len(keys), generator)
        keys = keys * (drawn.to(keys) >= self.weights.feature_dropout) / (1 - self.weights.feature_dropout)
        pose = animal.pose(keys, allowed, 1.0, generator)
        code = animal.key_code(keys)
        shift = animal.read(animal.deformation, vertices, code)
        rest = vertices + shift
        rig = Rig(joints(rest, animal.skeleton, animal.attachment), self.tree)
        angles = animal.articulation(rig.ends, pose.camera, keys, code)
        posed = blend(rest, skin_weights(rest, rig.ends), bone_motions(rig, angles))
        return SilhouetteFit(Mesh(posed, faces), pose, shift, angles)

    def mask_losses(self, fit: SilhouetteFit, batch: Batch) -> dict[str, tuple[float, Float[Tensor, ""]]]:
        """Weight and value of the errors of the silhouettes."""
        rendered = silhouette(self.renderer, fit.mesh, fit.pose.camera, SIZE)
        target = SilhouetteTarget.of(batch, SIZE)
        return {
            "mask": (self.weights.mask, target.mse(rendered).mean()),
            "mask_distance": (self.weights.mask_distance, target.mask_distance(rendered).mean()),
        }

    def regularisers(
        self, fit: SilhouetteFit, vertices: Float[Tensor, "vertices 3"]
    ) -> dict[str, tuple[float, Float[Tensor, ""]]]:
        """Weight and value of what keeps bones and shifts small and the surface smooth."""
        return {
            "bones": (self.weights.bones, fit.angles.square().mean()),
            "shape": (self.weights.shape, fit.shift.square().mean()),
            "strain": (self.weights.strain, strain(fit.shift, vertices.detach(), fit.mesh.faces)),
        }


class SilhouetteLearner:
    """AdamW over pose, articulation, deformation and their image code, with a running mean of the weights."""

    def __init__(  # noqa: PLR0913 - what a training is made of
        self,
        animal: Animal,
        crops: Crops,
        renderer: Renderer,
        config: SilhouetteFitting,
        seed: int,
        keypoints: FoundKeypoints | None,
    ) -> None:
        """`animal` learns in place; take `mean` at the end. `keypoints` were found in the same `crops`."""
        self.animal, self.crops, self.renderer, self.config, self.seed = animal, crops, renderer, config, seed
        self.keypoints = keypoints
        self.objective = SilhouetteObjective(animal, renderer, config)
        self.mean = deepcopy(animal).requires_grad_(False)
        parts = [animal.key_code, animal.articulation, *([animal.deformation] if config.deforms else [])]
        rest = [parameter for part in parts for parameter in part.parameters()]
        groups = [{"params": list(animal.pose.parameters()), "lr": config.rate_pose}, {"params": rest}]
        adam = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)
        self.optimiser = Optimiser(adam, config.lr_schedule)
        self.part = Part(process_rank(), process_count())
        """What this process computes of every batch."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The animal and the running mean of its weights."""
        return {"animal": self.animal, "mean": self.mean}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One AdamW."""
        return {"animal": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        rows, flipped = map(self.part.of, batch_rows(len(self.crops), self.config.batch, number, self.seed))
        generator = random(self.seed, "silhouettes", number, part=self.part)
        batch = self.crops.batch(rows, flipped)
        self.animal.train()
        with torch.no_grad():
            prior = self.animal.prior.mesh(1.0, generator)
        allowed, vertices = plausible(batch.view, batch.heading), prior.vertices[0]
        fit = self.objective.predict(batch, vertices, prior.faces, allowed, generator)
        assert fit.pose.alternatives is not None
        losses = {
            **self.objective.mask_losses(fit, batch),
            **self.objective.regularisers(fit, vertices),
            "quadrant": (self.config.quadrant, self._quadrant_loss(fit.pose.alternatives.score, allowed)),
        }
        if self.keypoints is not None:
            distance = self.keypoints.of(batch).distance(vertices, fit.mesh, fit.pose.camera)
            losses["keypoints"] = (self.config.keypoints, distance.mean())
        loss = torch.stack([weight * value for weight, value in losses.values()]).sum()
        norm = self.optimiser.update(loss, progress)
        update_ema(self.mean, self.animal, self.config.ema_decay)
        values = {name: value.detach() for name, (_, value) in losses.items()}
        return {"loss": loss.detach(), **values, "gradient_norm": norm}

    def _quadrant_loss(self, scores: Float[Tensor, "batch 4"], allowed: Bool[Tensor, "batch 4"]) -> Float[Tensor, ""]:
        return quadrant_loss(scores if self.crops.views_known else level_scores(scores, allowed), allowed)

    def panel(self, progress: float) -> Panel:
        """The first crops of the training set, as the running mean answers them."""
        batch = self.crops.batch(torch.arange(min(ROWS, len(self.crops))))
        return panel(self.mean, self.renderer, batch, 1.0, [])


def quadrant_loss(scores: Float[Tensor, "batch 4"], allowed: Bool[Tensor, "batch 4"]) -> Float[Tensor, ""]:
    """Negative log probability that a viewpoint is taken which is allowed; lower scores are the likelier ones."""
    log_odds = (-scores).log_softmax(-1)
    return -log_odds.masked_fill(~allowed, -torch.inf).logsumexp(-1).mean()


def level_scores(scores: Float[Tensor, "batch 4"], allowed: Bool[Tensor, "batch 4"]) -> Float[Tensor, "batch 4"]:
    """The mean score of the allowed viewpoints for each of them, and that of the others for each of those.

    A loss on these says nothing of which of the allowed ones is the likelier; on the scores themselves it would confirm
    whatever the start prefers, and where nobody has said front or back, fronts become backs (docs/lab, round 27).
    """
    means = [(scores * group).sum(-1) / group.sum(-1).clamp(min=1) for group in (allowed, ~allowed)]
    return torch.where(allowed, *(mean[:, None] for mean in means))


def strain(
    shift: Float[Tensor, "batch vertices 3"], vertices: Float[Tensor, "vertices 3"], faces: Int[Tensor, "faces 3"]
) -> Float[Tensor, ""]:
    """Keeps the surface smooth: known points are few and pull it into ripples, and so do outlines."""
    sides = torch.cat([faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    one, other = sides.sort(1).values.unbind(1)
    # Pairs as single numbers: `unique` over rows takes twenty times as long.
    edges = (one * len(vertices) + other).unique()
    one, other = edges // len(vertices), edges % len(vertices)
    length = (vertices[one] - vertices[other]).norm(dim=-1).clamp(min=SHORTEST)
    return ((shift[:, one] - shift[:, other]).square().sum(-1) / length.square()).mean()
