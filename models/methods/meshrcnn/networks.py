"""The networks of Mesh R-CNN (section 3.2): backbone, voxel branch, depth extent, mesh refinement.

The backbone is a small feature pyramid in place of ResNet-50 with FPN, learnt from nothing. Three numbers for the
direction of the camera are ours: the paper leaves its meshes in the camera's frame.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.geometry.mesh_batch import MeshBatch
from models.layers.graph_convolution import GraphConvolution, align_vertices
from models.methods.meshrcnn.state import project

GROUPS = 8
STRIDE = 4
"""Pixels of the crop to a pixel of the finest map, which has as many as the voxel grid."""
COARSEST = 16
"""Pixels of the crop to a pixel of the coarsest map."""
SHALLOWEST, DEEPEST = 0.2, 3.0
"""Depths of animals lie between the one and both together, in the crop frame."""


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(GROUPS, outputs), nn.ReLU())


class _Residual(nn.Module):
    """Two convolutions beside the identity (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.GroupNorm(GROUPS, channels))

    def forward(self, maps: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        return (maps + self.second(self.first(maps))).relu()


@dataclass(frozen=True)
class Features:
    """What the backbone sees."""

    fine: Float[Tensor, "batch channels grid grid"]
    """At the resolution of the voxel grid."""
    coarse: Float[Tensor, "batch wide rows columns"]
    """At a quarter of it."""


class Backbone(nn.Module):
    """Crops, cut out by their masks, to feature maps."""

    def __init__(self, channels: int) -> None:
        """`channels` of the finest map; the coarser ones have more."""
        super().__init__()
        middle, wide = 2 * channels, 3 * channels
        self.stem = nn.Sequential(_convolution(4, channels // 2, 2), _convolution(channels // 2, channels, 2))
        self.fine = _Residual(channels)
        self.middle = nn.Sequential(_convolution(channels, middle, 2), _Residual(middle))
        self.coarse = nn.Sequential(_convolution(middle, wide, 2), _Residual(wide), _Residual(wide))
        self.laterals = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for inputs in (channels, middle, wide))
        self.smooth = _convolution(channels, channels)

    def forward(self, image: Float[Tensor, "batch size size 3"], mask: Float[Tensor, "batch size size"]) -> Features:
        """Top-down, as in a feature pyramid network (Lin et al. 2017)."""
        pixels = torch.cat((image * mask[..., None] - 0.5 * mask[..., None], mask[..., None]), -1)
        fine = self.fine(self.stem(pixels.permute(0, 3, 1, 2)))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        top = self.laterals[2](coarse)
        for lateral, maps in ((self.laterals[1], middle), (self.laterals[0], fine)):
            top = lateral(maps) + interpolate(top, size=maps.shape[-2:], mode="bilinear", align_corners=False)
        return Features(self.smooth(top), coarse)


class VoxelBranch(nn.Module):
    """Occupancy of a frustum: the channels of a pixel are the layers behind it."""

    def __init__(self, channels: int, grid: int) -> None:
        """As many layers as the map has columns."""
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, 2 * channels),
            _convolution(2 * channels, 2 * channels),
            nn.Conv2d(2 * channels, grid, 1),
        )

    def forward(self, features: Features) -> Float[Tensor, "batch columns rows layers"]:
        """Logits."""
        return self.layers(features.fine).permute(0, 3, 2, 1)


class PoseBranch(nn.Module):
    """How deep the animal is, and from where it is seen."""

    def __init__(self, channels: int, cells: int) -> None:
        """`cells` are the pixels of the coarsest map."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(3 * channels * cells, 128), nn.LayerNorm(128), nn.ReLU(), nn.Linear(128, 4)
        )

    def forward(self, features: Features) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch 3"]]:
        """Depth in the crop frame, and the unit direction to the camera in the object frame."""
        numbers = self.layers(features.coarse)
        return SHALLOWEST + DEEPEST * numbers[:, 0].sigmoid(), torch.nn.functional.normalize(
            numbers[:, 1:], dim=-1, eps=1e-6
        )


class RefinementStage(nn.Module):
    """Moves the vertices: features where they are seen, graph convolutions, an offset each."""

    def __init__(self, read: int, kept: int, width: int, convolutions: int) -> None:
        """`read` channels of the maps and `kept` ones of the stage before; `width` channels inside."""
        super().__init__()
        self.bottleneck = nn.Linear(read, width)
        inputs = (width + 3 + kept, *[width + 3] * (convolutions - 1))
        self.convolutions = nn.ModuleList(GraphConvolution(channels, width) for channels in inputs)
        self.offset = nn.Linear(width + 3, 3)
        # The first answer is the cubified mesh.
        nn.init.normal_(self.offset.weight, std=1e-3)
        nn.init.zeros_(self.offset.bias)

    def forward(
        self, meshes: MeshBatch, features: Features, kept: Float[Tensor, "vertices kept"] | None
    ) -> tuple[MeshBatch, Float[Tensor, "vertices width"]]:
        """The moved meshes of the crop frame, and what the vertices have learnt."""
        ndc, edges = project(meshes.vertices), meshes.edges()
        read = torch.cat([align_vertices(maps, meshes, ndc) for maps in (features.fine, features.coarse)], 1)
        inputs = [self.bottleneck(read).relu(), meshes.vertices, *([] if kept is None else [kept])]
        hidden = torch.cat(inputs, 1)
        for convolution in self.convolutions:
            hidden = torch.cat((convolution(hidden, edges), meshes.vertices), 1)
        return meshes.with_vertices(meshes.vertices + self.offset(hidden).tanh()), hidden[:, :-3]
