"""The networks of ConvMesh (Pavllo et al. 2020, section 3.2 and appendix) and of MeshInversion's picture discriminator.

Sizes are a laptop's. Groups are normalised, not batches: a search at test time has a batch of one photo.
"""

from math import pi
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad
from torch.nn.utils.parametrizations import spectral_norm

from models.geometry.uv_sphere import Maps, middles, mirror_maps

LATENT = 64
GROUPS = 8
SLOPE = 0.2
BASE = 8
"""Rows of the map that the latent is laid out on."""
Symmetry = Literal["nothing", "colour", "both"]
"""Which maps are the same on both sides."""


def pad_sphere(maps: Maps, by: int = 1) -> Maps:
    """Columns go on round the sphere; rows end at the poles."""
    around = torch.cat((maps[..., -by:], maps, maps[..., :by]), -1)
    return pad(around, (0, 0, by, by), mode="replicate")


class _SphereConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3)

    def forward(self, maps: Maps) -> Maps:
        return self.convolution(pad_sphere(maps))


class _Conditioned(nn.Module):
    """Group normalisation whose scale and shift follow from the latent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels, affine=False)
        self.style = nn.Linear(LATENT, 2 * channels)
        nn.init.normal_(self.style.weight, std=0.05)
        nn.init.zeros_(self.style.bias)

    def forward(self, maps: Maps, latent: Float[Tensor, "batch latent"]) -> Maps:
        scale, shift = self.style(latent)[..., None, None].chunk(2, 1)
        return self.norm(maps) * (1 + scale) + shift


class _Block(nn.Module):
    """A residual block that doubles rows and columns, or keeps them."""

    def __init__(self, inputs: int, outputs: int, doubles: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.norms = nn.ModuleList((_Conditioned(inputs), _Conditioned(outputs)))
        self.convolutions = nn.ModuleList((_SphereConvolution(inputs, outputs), _SphereConvolution(outputs, outputs)))
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, maps: Maps, latent: Float[Tensor, "batch latent"]) -> Maps:
        inner = leaky_relu(self.norms[0](maps, latent), SLOPE)
        if self.doubles:
            maps, inner = (interpolate(part, scale_factor=2.0, mode="nearest") for part in (maps, inner))
        inner = self.convolutions[0](inner)
        inner = self.convolutions[1](leaky_relu(self.norms[1](inner, latent), SLOPE))
        return self.skip(maps) + inner


def share_sides(displacement: Maps, colour: Maps, symmetric: Symmetry) -> tuple[Maps, Maps]:
    """The maps with the first half in place of the second one, mirrored, where they are to be symmetric."""
    if symmetric != "nothing":
        half = colour[..., : colour.shape[-1] // 2]
        colour = torch.cat((half, half.flip(-1)), -1)
    if symmetric == "both":
        half = displacement[..., : displacement.shape[-1] // 2]
        displacement = torch.cat((half, mirror_maps(half)), -1)
    return displacement, colour


class Generator(nn.Module):
    """Latents to maps of displacement (32 rows) and of colour (64 rows or more), both about as large as 1."""

    def __init__(self, width: int, texels: int, symmetric: Symmetry) -> None:
        """Where both maps are symmetric one half is made, and mirrored (ConvMesh, section 3.1)."""
        super().__init__()
        self.symmetric: Symmetry = symmetric
        columns = BASE // 2 if symmetric == "both" else BASE
        wide = 4 * width
        self.first = nn.Linear(LATENT, wide * BASE * columns)
        self.columns = columns
        self.trunk = nn.ModuleList((_Block(wide, wide, True), _Block(wide, 2 * width, True)))
        self.shape = nn.ModuleList((_Block(2 * width, width, False), _Conditioned(width), _SphereConvolution(width, 3)))
        inputs, blocks = 2 * width, list[nn.Module]()
        for _ in range((texels // (4 * BASE)).bit_length() - 1):
            blocks.append(_Block(inputs, width, True))
            inputs = width
        self.colour = nn.ModuleList((*blocks, _Conditioned(width), _SphereConvolution(width, 3)))

    def forward(self, latent: Float[Tensor, "batch latent"]) -> tuple[Maps, Maps]:
        """Displacement in standard deviations from the mean animal, and colours in [-1, 1]."""
        maps = self.first(latent).unflatten(1, (-1, BASE, self.columns))
        for block in self.trunk:
            maps = block(maps, latent)
        displacement, colour = self._head(self.shape, maps, latent), self._head(self.colour, maps, latent).tanh()
        if self.symmetric == "both":
            displacement, colour = (torch.cat((half, half), -1) for half in (displacement, colour))
        return share_sides(displacement, colour, self.symmetric)

    def _head(self, layers: nn.ModuleList, maps: Maps, latent: Float[Tensor, "batch latent"]) -> Maps:
        *blocks, norm, last = layers
        for block in blocks:
            maps = block(maps, latent)
        return last(leaky_relu(norm(maps, latent), SLOPE))


def positions(size: int) -> Float[Tensor, "1 4 {size} {size}"]:
    """Sine and cosine of the column's and of the row's angle: what a discriminator knows of where it looks."""
    angle = middles(size)
    around, polar = (2 * pi * angle).expand(size, -1), (pi * angle)[:, None].expand(-1, size)
    return torch.stack((around.sin(), around.cos(), polar.sin(), polar.cos()))[None]


class MapDiscriminator(nn.Module):
    """Whether patches of a map are those of a known animal; columns go on round the sphere."""

    places: Tensor

    def __init__(self, channels: int, size: int, width: int) -> None:
        """`channels` of the map, a mask of what is known among them."""
        super().__init__()
        self.register_buffer("places", positions(size), persistent=False)
        widths = (channels + 4, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(inputs, outputs, 4, 2))
            for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
        )
        self.last = spectral_norm(nn.Conv2d(4 * width, 1, 3))

    def forward(self, maps: Maps) -> Float[Tensor, "batch 1 rows columns"]:
        """Logits of patches."""
        maps = torch.cat((maps, self.places.expand(len(maps), -1, -1, -1)), 1)
        for layer in self.layers:
            maps = leaky_relu(layer(pad_sphere(maps)), SLOPE)
        return self.last(pad_sphere(maps))


class PictureDiscriminator(nn.Module):
    """A PatchGAN (Isola et al. 2017) on pictures of animals on black, with their masks."""

    def __init__(self, width: int) -> None:
        """Five convolutions; a patch is 70 pixels wide as in the paper."""
        super().__init__()
        widths = (4, width, 2 * width, 4 * width)
        layers = list[nn.Module]()
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        layers += [spectral_norm(nn.Conv2d(4 * width, 4 * width, 4, 1, 1)), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(4 * width, 1, 4, 1, 1)))

    def forward(self, pictures: Maps) -> Float[Tensor, "batch 1 rows columns"]:
        """One number for each patch: 1 for true, 0 for drawn."""
        return self.layers(pictures)
