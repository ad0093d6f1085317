"""Backdrops and weather from random numbers: textures, light and shadow, things in front, JPEG."""

import io

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from models.data.transforms import Pictures, some, uniform

Field = Float[Tensor, "batch 1 height width"]
Mask = Bool[Tensor, "batch 1 height width"]
OCTAVES = (2, 4, 8, 16, 32, 64)
"""Cells along an edge of the layers of noise that a texture is the sum of."""


def paint_backdrops(count: int, size: int, generator: torch.Generator) -> Pictures:
    """Plain, graded, striped, spotted, cloudy and rough pictures in [0, 1], with a horizon or with things in them."""
    picture = paint_textures(count, size, generator)
    for share in (0.7, 0.5, 0.4):
        region = _regions(count, size, generator) * some(count, share, generator)
        picture = picture.lerp(paint_textures(count, size, generator), region)
    return picture


def paint_textures(count: int, size: int, generator: torch.Generator) -> Pictures:
    """One colour each, plain or graded, with noise of a random spectrum on it."""
    colour = torch.rand(count, 3, 1, 1, generator=generator)
    saturation = uniform(count, 0.0, 1.0, generator) ** 1.5
    picture = colour.mean(1, keepdim=True).lerp(colour, saturation).expand(-1, -1, size, size)
    plain = some(count, 0.35, generator)
    slope = torch.rand((), generator=generator) * 1.4
    grain = torch.zeros(count, 3, 1, 1)
    for cells in OCTAVES:
        layer = torch.randn(count, 3, cells, cells, generator=generator)
        layer = layer.mean(1, keepdim=True).lerp(layer, 0.6 * saturation)
        strength = (
            uniform(count, 0.0, 0.22, generator) * (2 / cells) ** slope * (1 - 0.97 * plain.float() * (cells > 2))
        )
        grain = interpolate(grain, (cells, cells), mode="bilinear") + strength * layer
    picture = picture + interpolate(grain, (size, size), mode="bilinear")
    return picture.clamp(0, 1)


def _regions(count: int, size: int, generator: torch.Generator) -> Field:
    """How far every pixel lies in a half plane, in stripes, in checks, in blots, or in one box, disc or blob."""
    axis = (2 * torch.arange(size) + 1) / size - 1
    y, x = axis.view(1, 1, -1, 1), axis.view(1, 1, 1, -1)
    blots = _noise(count, size, (3, 5, 9), generator)
    angle = 0.15 * torch.randn(count, 1, 1, 1, generator=generator)
    angle = angle + some(count, 0.4, generator) * uniform(count, 0.0, 6.3, generator)
    left, top = uniform(count, -1.0, 1.0, generator), uniform(count, -1.0, 1.0, generator)
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    plane = v - uniform(count, -0.5, 0.6, generator) + 0.12 * uniform(count, 0.0, 1.0, generator) * blots
    pitch = uniform(count, 2.0, 30.0, generator)
    stripes = 0.15 * ((pitch * v).sin() - uniform(count, -0.7, 0.7, generator))
    checks = 0.15 * (pitch * u).sin() * (pitch * v).sin()
    broad, high = (uniform(count, 0.08, 0.8, generator) for _ in range(2))
    boxy = some(count, 0.5, generator)
    across = x - left, y - top
    u, v = across[0] * angle.cos() + across[1] * angle.sin(), across[1] * angle.cos() - across[0] * angle.sin()
    round_ = (u / broad).square(), (v / high).square()
    thing = 0.4 * (1 - torch.where(boxy, round_[0] ** 3 + round_[1] ** 3, round_[0] + round_[1]))
    blob = thing + 0.35 * blots
    fields = torch.cat((plane, stripes, checks, 0.3 * (blots - 0.5), thing, thing, blob, blob), 1)
    kind = torch.randint(fields.shape[1], (count, 1, 1, 1), generator=generator).expand(-1, 1, size, size)
    sharpness = torch.where(some(count, 0.75, generator), size * 1.0, uniform(count, 4.0, 20.0, generator))
    return (fields.gather(1, kind) * sharpness).sigmoid()


def _noise(count: int, size: int, octaves: tuple[int, ...], generator: torch.Generator) -> Field:
    layers = (torch.randn(count, 1, cells, cells, generator=generator) / cells**0.5 for cells in octaves)
    total = torch.stack([interpolate(layer, (32, 32), mode="bicubic") for layer in layers]).sum(0)
    total = interpolate(total, (size, size), mode="bilinear")
    return total / total.std().clamp(min=1e-3)


def cast_shadows(opacity: Field, generator: torch.Generator) -> Field:
    """Darkness below a third of what stands there."""
    count, _, size, _ = opacity.shape
    lowered = pad(avg_pool2d(opacity, 8, ceil_mode=True), (0, 0, 1, 0))[:, :, :-1]
    soft = interpolate(avg_pool2d(lowered, 3, 1, 1), (size, size), mode="bilinear")
    return soft * some(count, 0.35, generator) * uniform(count, 0.2, 0.8, generator)


def hide(
    size: int, where: Bool[Tensor, "batch 1 1 1"], generator: torch.Generator
) -> Bool[Tensor, "batch 1 {size} {size}"]:
    """A post or a board in front of these pictures."""
    count = len(where)
    axis = (2 * torch.arange(size) + 1) / size - 1
    x, y = axis.view(1, 1, 1, -1), axis.view(1, 1, -1, 1)
    left, top = uniform(count, -1.0, 1.0, generator), uniform(count, -0.6, 1.0, generator)
    broad, high = uniform(count, 0.03, 0.25, generator), uniform(count, 0.05, 0.5, generator)
    return ((x - left).abs() < broad) & ((y - top).abs() < high) & where


def relight(image: Pictures, opacity: Field, generator: torch.Generator) -> Pictures:
    """One animal in twelve stands against the light, as many are taken at night, a quarter in light that falls off."""
    count, size = len(image), image.shape[-2:]
    image = image * (1 - some(count, 0.08, generator) * opacity * uniform(count, 0.4, 0.85, generator))
    dark = uniform(count, 0.2, 0.5, generator) * torch.tensor([0.8, 0.9, 1.15]).view(1, 3, 1, 1)
    image = torch.where(some(count, 0.08, generator), image * dark, image)
    light = 1 + 0.35 * some(count, 0.25, generator) * torch.randn(count, 1, 2, 2, generator=generator)
    return (image * interpolate(light, size, mode="bilinear")).clamp(0, 1)


def compress(image: Pictures, generator: torch.Generator) -> Pictures:
    """Half of the pictures after JPEG of quality 30 to 94."""
    rows = some(len(image), 0.5, generator).flatten().nonzero()[:, 0]
    quality = torch.randint(30, 95, (len(image),), generator=generator).tolist()
    image = image.clone()
    for row in rows.tolist():
        file = io.BytesIO()
        pixels = (image[row].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality[row])
        image[row] = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    return image
