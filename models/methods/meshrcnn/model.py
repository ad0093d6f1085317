"""Mesh R-CNN's mesh predictor on a crop: occupied voxels, their surface, and that surface refined (section 3.2)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.geometry.cubify import cubify
from models.geometry.mesh_batch import MeshBatch
from models.methods.meshrcnn.networks import (
    COARSEST,
    STRIDE,
    Backbone,
    Features,
    PoseBranch,
    RefinementStage,
    VoxelBranch,
)
from models.methods.meshrcnn.state import from_grid

SURE = 10.0
"""Logit of what is known."""


class PredictorConfig(Config):
    """The networks' sizes."""

    grid: int = Field(
        default=24, ge=4, multiple_of=4, description="voxels along an edge; a crop has four times as many pixels"
    )
    channels: int = Field(default=48, ge=16, multiple_of=16, description="channels of the finest feature map")
    threshold: float = Field(default=0.2, gt=0, lt=1, description="probability from which a voxel is occupied")
    stages: int = Field(default=3, ge=1, description="refinements, one after the other")
    convolutions: int = Field(default=3, ge=1, description="graph convolutions of each refinement")
    width: int = Field(default=64, ge=1, description="channels of a graph convolution")

    @property
    def pixels(self) -> int:
        """Along an edge of a crop."""
        return STRIDE * self.grid

    def build(self) -> "MeshPredictor":
        """The networks, as torch's random numbers make them."""
        return MeshPredictor(self)


@dataclass(frozen=True)
class Look:
    """What is read off a batch of crops before there is a mesh."""

    features: Features
    logits: Float[Tensor, "batch columns rows layers"]
    """Of occupancy."""
    depth: Float[Tensor, " batch"]
    """Of the animals, in the crop frame."""
    direction: Float[Tensor, "batch 3"]
    """From the animal to the camera, object frame."""

    def rows(self, rows: Int[Tensor, " chosen"]) -> "Look":
        """Some of the crops."""
        features = Features(self.features.fine[rows], self.features.coarse[rows])
        return Look(features, self.logits[rows], self.depth[rows], self.direction[rows])

    def with_truth(self, occupied: Bool[Tensor, "known columns rows layers"], depth: Float[Tensor, " known"]) -> "Look":
        """The same with the voxels and the depths of the first crops as they are known."""
        sure = torch.where(occupied, SURE, -SURE)
        known = len(occupied)
        logits, depths = torch.cat((sure, self.logits[known:])), torch.cat((depth, self.depth[known:]))
        return replace(self, logits=logits, depth=depths)


class MeshPredictor(nn.Module):
    """Crops to meshes in the crop frame."""

    def __init__(self, config: PredictorConfig) -> None:
        """Random weights."""
        super().__init__()
        self.config = config
        channels, width = config.channels, config.width
        self.backbone = Backbone(channels)
        self.voxels = VoxelBranch(channels, config.grid)
        self.pose = PoseBranch(channels, (config.pixels // COARSEST) ** 2)
        self.stages = nn.ModuleList(
            RefinementStage(4 * channels, width if number else 0, width, config.convolutions)
            for number in range(config.stages)
        )

    def look(self, image: Float[Tensor, "batch size size 3"], mask: Float[Tensor, "batch size size"]) -> Look:
        """Features, occupancy, depth and direction."""
        features = self.backbone(image, mask)
        return Look(features, self.voxels(features), *self.pose(features))

    def occupied(self, look: Look) -> Bool[Tensor, "batch columns rows layers"]:
        """Voxels that are more likely occupied than the threshold."""
        return look.logits.detach().sigmoid() > self.config.threshold

    def cubes(self, look: Look) -> MeshBatch:
        """The closed surfaces of the occupied voxels, crop frame; empty where no voxel is."""
        meshes = cubify(self.occupied(look))
        return meshes.with_vertices(from_grid(meshes.vertices, self.config.grid, look.depth.detach()[meshes.row]))

    def refine(self, look: Look, meshes: MeshBatch) -> list[MeshBatch]:
        """The meshes after each of the stages."""
        refined, kept = list[MeshBatch](), None
        for stage in self.stages:
            meshes, kept = stage(meshes, look.features, kept)
            refined.append(meshes)
        return refined
