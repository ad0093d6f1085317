"""One category's animals: a photo to a posed, coloured, lit 3D animal in a single pass (MagicPony)."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from models.core.category import Category, Skeleton
from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.schedule import Share
from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.generic_quadruped import LEGS
from models.geometry.kinematics import blend, bone_motions, skin_weights
from models.geometry.mesh import Mesh
from models.geometry.skeleton import Rig, attach, joints, parents
from models.layers.coordinate_mlp import HALF_EXTENT
from models.methods.magicpony.networks.appearance import AppearanceConfig
from models.methods.magicpony.networks.articulation import ArticulationConfig
from models.methods.magicpony.networks.deformation import DeformationConfig
from models.methods.magicpony.networks.encoder import EncoderConfig, Head, Vit
from models.methods.magicpony.networks.pose import Misfit, PoseConfig, plausible
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.state import Prediction
from models.rendering import Renderer, deferred
from models.rendering.types import Light, Rendering

RGB = 3
Bf16 = Literal["nothing", "fields", "networks"]
"""What computes in bfloat16 in training: the coordinate fields alone, or the transformer and its heads as well."""
ATTACHMENT_INTERVAL = 0.01
"""How often the leg-to-spine attachment is computed anew, as a share of the run (the paper: once per epoch)."""


class AnimalConfig(Config):
    """The parts, and from which share of the run on each of them works."""

    prior: PriorConfig = Field(default=PriorConfig(), description="shape and features of the category")
    encoder: EncoderConfig = Field(default=EncoderConfig(), description="photo to codes")
    pose: PoseConfig = Field(default=PoseConfig(), description="viewpoint")
    articulation: ArticulationConfig = Field(default=ArticulationConfig(), description="bone angles")
    deformation: DeformationConfig = Field(default=DeformationConfig(), description="shape of one animal")
    appearance: AppearanceConfig = Field(default=AppearanceConfig(), description="colour and light")
    articulated_from: Share = Field(default=0.25, description="bones move")
    attached_from: Share = Field(default=0.45, description="legs follow the spine")
    deformed_from: Share = Field(default=0.65, description="animals differ in shape")
    keypoints: tuple[str, ...] = Field(
        default=(), description="names of keypoints whose places on the prior shape the warm start knows"
    )

    def build(self, category: Category, vit: Vit) -> "Animal":
        """Untrained: every photo gives the same first shape.

        Raises ValueError where that is a quadruped and the category is none.
        """
        if self.prior.first == "quadruped" and category.skeleton.legs != LEGS:
            raise ValueError(
                f"animal.prior.first is 'quadruped' and {category.name} has {category.skeleton.legs} legs; "
                "give 'ellipsoid'"
            )
        return Animal(self, category.skeleton, vit)


class Animal(nn.Module):
    """The trainable model; the frozen ViT is no part of its state."""

    half_extent = HALF_EXTENT
    bf16: Bf16 = "fields"
    attachment: Tensor
    """The spine bone that each leg is attached to."""
    tree_age: Tensor
    """The interval of the run in which the attachment was computed; -1 for never."""
    markers: Tensor
    """Where the keypoints are on the prior shape, object frame; only where the configuration names some."""

    def __init__(self, config: AnimalConfig, skeleton: Skeleton, vit: Vit) -> None:
        """All parts, on the CPU."""
        super().__init__()
        self.config, self.skeleton = config, skeleton
        encoder, code = config.encoder, config.encoder.code
        self.tokens = encoder.build(vit)
        self.out_code = encoder.head(vit.channels + RGB, code)
        self.key_code = encoder.head(vit.channels, code)
        self.prior = config.prior.build()
        self.pose = config.pose.build(encoder, vit.channels)
        self.deformation = config.deformation.build(code)
        self.articulation = config.articulation.build(skeleton, vit.channels + code)
        self.albedo, self.light = config.appearance.build(code)
        if config.keypoints:
            self.register_buffer("markers", torch.zeros(len(config.keypoints), 3))
        self.register_buffer("attachment", torch.zeros(skeleton.legs, dtype=torch.long))
        self.register_buffer("tree_age", torch.tensor(-1))

    def forward(
        self,
        batch: Batch,
        progress: float = 1.0,
        generator: torch.Generator | None = None,
        misfit: Misfit | None = None,
    ) -> Prediction:
        """One animal per photo, as far as the model goes at this share of the run.

        In training the grid is jittered and a viewpoint hypothesis drawn, all from `generator`; else the best one is
        taken, by its score and by what `misfit` has against it.
        """
        out, keys = self.tokens(batch, self.training)
        texture_code, key_code = self.texture_code(batch, out), self.key_code(keys)
        prior = self.prior.mesh(progress, generator)
        allowed = plausible(batch.view, batch.heading, batch.truth and batch.truth.towards)
        pose = self.pose(keys, allowed, progress, generator, misfit)
        deformation, vertices = None, prior.vertices
        if progress >= self.config.deformed_from:
            deformation = self.read(self.deformation, prior.vertices[0], key_code)
            vertices = vertices + deformation
        rest, angles = Mesh(vertices, prior.faces), None
        posed = vertices.expand(len(batch), -1, -1)
        if progress >= self.config.articulated_from:
            rig = self._rig(prior.vertices, rest, progress)
            angles = self.articulation(rig.ends.expand(len(batch), -1, -1, -1), pose.camera, keys, key_code)
            posed = self.posed(rest, rig, angles)
        return Prediction(
            mesh=Mesh(posed, prior.faces),
            rest=rest,
            prior=prior.vertices[0],
            camera=pose.camera,
            light=self.light(texture_code),
            texture_code=texture_code,
            hypothesis=pose.hypothesis,
            score=pose.score,
            probability=pose.probability,
            alternatives=pose.alternatives,
            deformation=deformation,
            angles=angles,
        )

    def texture_code(
        self, batch: Batch, out: Float[Tensor, "batch channels rows columns"]
    ) -> Float[Tensor, "batch code"]:
        """Image code of coat and light: of the final tokens, which ignore colour, and of the colours themselves."""
        colours = 2 * adaptive_avg_pool2d(batch.shown.movedim(-1, 1), self.config.encoder.grid) - 1
        return self.out_code(torch.cat((out, colours), 1))

    def render(  # noqa: PLR0913
        self,
        prediction: Prediction,
        renderer: Renderer,
        size: int,
        camera: Camera | None = None,
        light: Light | None = None,
    ) -> Rendering:
        """Pictures from the predicted view with features, or from another camera without."""
        code = prediction.texture_code
        surface = deferred.Surface(
            prediction.mesh,
            prediction.prior[None],
            albedo=lambda points, image: self.read(self.albedo, points, code, image),
            features=None if camera else lambda points, _: self.read(self.prior.features, points),
        )
        return deferred.render(renderer, surface, camera or prediction.camera, light or prediction.light, size)

    def sdf(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        """Signed distance of the prior shape, positive inside; the field of the Eikonal term."""
        return self.prior(points)

    def rig(self, prediction: Prediction) -> Rig:
        """The skeleton of each predicted animal at rest, legs attached."""
        return self._rig(prediction.prior[None], prediction.rest, 1.0)

    @staticmethod
    def posed(rest: Mesh, rig: Rig, angles: Float[Tensor, "batch bones 3"]) -> Float[Tensor, "batch vertices 3"]:
        """Vertices of rest meshes whose bones turn by these angles."""
        weights = skin_weights(rest.vertices, rig.ends)
        return blend(rest.vertices, weights, bone_motions(rig, angles))

    def read(
        self,
        field: Callable[..., Float[Tensor, "..."]],
        points: Float[Tensor, "points 3"],
        *codes: Shaped[Tensor, "..."],
    ) -> Float[Tensor, "..."]:
        """A field at many points: to half of the digits in training; what is shown and measured is exact."""
        with bf16_autocast(points.device.type) if self.training and self.bf16 != "nothing" else nullcontext():
            return field(points, *codes).to(points)

    def use_bf16(self, part: Bf16) -> None:
        """What of the training computes in bfloat16, where the device has it."""
        self.bf16 = part
        self.tokens.bf16 = part == "networks"
        for module in self.modules():
            if isinstance(module, Head):
                module.bf16 = part == "networks"

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by how fast they may learn: what all animals share, the viewpoint, and the rest."""
        return {
            "shape": list(self.prior.parameters()),
            "pose": list(self.pose.parameters()),
            "rest": [p for name, p in self.named_parameters() if not name.startswith(("prior.", "pose."))],
        }

    @torch.no_grad()
    def _rig(self, prior: Tensor, rest: Mesh, progress: float) -> Rig:
        """Joints follow each animal; what the legs hang on is looked up anew now and then in training only."""
        age = int(progress / ATTACHMENT_INTERVAL)
        attachment = self.attachment
        if self.tree_age < 0 or (self.training and age != self.tree_age):
            attachment = attach(prior, self.skeleton)
        if self.training:
            self.attachment.copy_(attachment)
            self.tree_age.fill_(age)
        tree = parents(self.skeleton, attachment, progress >= self.config.attached_from)
        return Rig(joints(rest.vertices, self.skeleton, attachment), tree)
