"""Bone angles of one animal from its photo: a transformer over the bones (MagicPony; fidelity F26)."""

from math import pi, radians

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from models.core.category import Skeleton
from models.core.config import Config
from models.geometry.cameras import DISTANCE, Camera
from models.layers.coordinate_mlp import HALF_EXTENT, harmonics, zero_init_

FREQUENCIES = 8
STIFF_LEGS = 0.3
"""Legs bend sideways and twist this much less."""


class ArticulationConfig(Config):
    """Sizes and limits; the paper has 4 blocks of 256 with 8 heads."""

    blocks: int = Field(default=4, ge=1, description="transformer blocks")
    width: int = Field(default=64, ge=1, description="channels of a bone")
    heads: int = Field(default=4, ge=1, description="attention heads")
    gain: float = Field(default=0.1, gt=0, description="factor on the outputs before tanh")
    limit_deg: float = Field(default=60.0, gt=0, le=180, description="largest angle about each axis")

    def build(self, skeleton: Skeleton, features: int) -> "Articulation":
        """A network over bones that see feature vectors of this length."""
        return Articulation(self, skeleton, features)


class Articulation(nn.Module):
    """What the photo shows at each bone, and where the bone is, to its angles."""

    freedom: Tensor

    def __init__(self, config: ArticulationConfig, skeleton: Skeleton, features: int) -> None:
        """All angles are 0 at first."""
        super().__init__()
        self.config, width = config, config.width
        self.enter = nn.Sequential(
            nn.Linear(features + 9 * (1 + 2 * FREQUENCIES), width), nn.GELU(), nn.LayerNorm(width)
        )
        self.blocks = nn.Sequential(*[_Block(width, config.heads) for _ in range(config.blocks)])
        self.leave = nn.Linear(width, 3)
        zero_init_(self.leave)
        freedom = torch.ones(skeleton.bones, 3)
        freedom[skeleton.body_bones :, 1:] = STIFF_LEGS
        self.register_buffer("freedom", freedom, persistent=False)

    def forward(
        self,
        ends: Float[Tensor, "batch bones 2 3"],
        camera: Camera,
        keys: Float[Tensor, "batch channels rows columns"],
        code: Float[Tensor, "batch code"],
    ) -> Float[Tensor, "batch bones 3"]:
        """Angles in radians; no gradient to bones and camera."""
        place, position = self._positions(ends, camera)
        seen = grid_sample(keys, place[:, :, None], align_corners=False)[..., 0].mT
        told = code[:, None].expand(-1, seen.shape[1], -1)
        bones = self.enter(torch.cat((seen, told, harmonics(position, FREQUENCIES, 0.9 * pi).flatten(-2)), -1))
        raw = self.leave(self.blocks(bones))
        return (self.config.gain * raw).tanh() * self.freedom * radians(self.config.limit_deg)

    @staticmethod
    @torch.no_grad()
    def _positions(ends: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
        """Where each bone's middle is in the image, and nine numbers about the bone, about in (-1, 1)."""
        place = camera.project(ends.mean(2))
        seen = camera.to_camera(ends.flatten(1, 2))
        seen = (seen + seen.new_tensor((0, 0, DISTANCE))) / HALF_EXTENT
        bones = ends.shape[1]
        number = (2 * torch.arange(bones, device=ends.device) + 1) / bones - 1
        number = number[None, :, None].expand(len(ends), -1, -1)
        return place, torch.cat((place, seen.view(len(ends), bones, 6), number), -1)


class _Block(nn.Module):
    """Attention and a two-layer network, each over normalised inputs and added to them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.join = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, bones: Float[Tensor, "batch bones width"]) -> Float[Tensor, "batch bones width"]:
        """As many bones, each having seen the others."""
        qkv = self.to_qkv(self.before_attention(bones)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        bones = bones + self.join(seen.transpose(1, 2).flatten(2))
        return bones + self.mlp(self.before_mlp(bones))
