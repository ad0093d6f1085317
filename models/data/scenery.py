"""Random scenery: an animal, cut out through its mask, before other backdrops, in other light and other drawing styles.

Networks that see one renderer's meadows only take a meadow for a part of the animal. Backdrops without any meaning of
their own (domain randomisation, Tobin et al. 2017) teach them to look at the animal. Everything is drawn from numbers:
nobody's picture goes in.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from models.data.transforms import Labels, Pictures, some, uniform

Field = Float[Tensor, "batch 1 height width"]
Mask = Bool[Tensor, "batch 1 height width"]
OCTAVES = (2, 4, 8, 16, 32, 64)
"""Cells along an edge of the layers of noise that a texture is the sum of."""
_LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def stage(
    image: Pictures, label: Labels, share: float, empty: float, generator: torch.Generator
) -> tuple[Pictures, Labels]:
    """A `share` of the pictures with their animals before other backdrops, and a share `empty` without any animal.

    `label` is 0 off the animal. Both shares are drawn picture by picture; the other pictures stay as they are.
    """
    count, size = len(image), image.shape[-1]
    mask = label[:, None] > 0
    backdrop = paint_backdrops(count, size, generator)
    moved, absent = some(count, share, generator), some(count, empty, generator)
    backdrop = add_things(backdrop, some(count, 0.2, generator) | (absent & some(count, 0.8, generator)), generator)
    animal = restyle(image, mask, backdrop.roll(1, 0), generator)
    alpha = _soft_edge(mask, generator)
    ground = backdrop * (1 - _shadow(mask, generator))
    staged = relight(ground.lerp(animal, alpha), alpha, generator)
    staged, hidden = _occlude(staged, backdrop.roll(2, 0), generator)
    image = torch.where(moved, staged, image)
    mask = mask & ~(moved & hidden) & ~absent
    return torch.where(absent, backdrop, image), torch.where(mask[:, 0], label, 0)


def paint_backdrops(count: int, size: int, generator: torch.Generator) -> Pictures:
    """Plain, graded, striped, spotted, cloudy and rough pictures in [0, 1], with a horizon or with things in them."""
    picture = paint_textures(count, size, generator)
    for share in (0.7, 0.5, 0.4):
        region = _regions(count, size, generator) * some(count, share, generator)
        picture = picture.lerp(paint_textures(count, size, generator), region)
    return picture


def add_things(image: Pictures, where: Bool[Tensor, "batch 1 1 1"], generator: torch.Generator) -> Pictures:
    """The pictures with one thing each, where wanted: boxes and discs that touch, as of a cart, a cup or a tree."""
    count, _, size, _ = image.shape
    axis = (2 * torch.arange(size) + 1) / size - 1
    x, y = axis.view(1, 1, 1, -1), axis.view(1, 1, -1, 1)
    stuff = paint_textures(count, size, generator)
    centre = [uniform(count, -0.5, 0.5, generator) for _ in range(2)]
    turn = 0.3 * torch.randn(count, 1, 1, 1, generator=generator)
    large, sharp = uniform(count, 0.3, 1.0, generator), size / 8
    for part in range(4):
        across, down = (edge - middle for edge, middle in zip((x, y), centre, strict=True))
        u, v = across * turn.cos() + down * turn.sin(), down * turn.cos() - across * turn.sin()
        broad, high = (large * uniform(count, 0.06, 0.6, generator) for _ in range(2))
        boxy = some(count, 0.5, generator)
        u, v = (u / broad).square(), (v / high).square()
        inside = 1 - torch.where(boxy, torch.maximum(u, v) ** 2, u + v)
        shade = uniform(count, 0.4, 1.5, generator) + 0.25 * down / high.clamp(min=0.1)
        paint = (stuff.roll(part % 2, 0) * shade).clamp(0, 1)
        image = image.lerp(paint, (inside * sharp).sigmoid() * (where & some(count, 0.85, generator)))
        centre = [middle + large * uniform(count, -0.5, 0.5, generator) for middle in centre]
    return image


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


def restyle(image: Pictures, mask: Mask, coat: Pictures, generator: torch.Generator) -> Pictures:
    """The animals in other tints, in other coats, in flat tones, some with a drawn outline."""
    count = len(image)
    grey = (image * _LUMA).sum(1, keepdim=True)
    tint = grey + (image - grey) * uniform(count, 0.0, 1.8, generator)
    tint = (tint * (1 + 0.2 * torch.randn(count, 3, 1, 1, generator=generator))).clamp(0, 1) ** uniform(
        count, 0.4, 1.5, generator
    )
    tones = torch.where(some(count, 0.4, generator), 1.0, 0.35 + 1.3 * grey)
    levels = uniform(count, 2.0, 5.0, generator).round()
    smooth = avg_pool2d(image, 5, 1, 2, count_include_pad=False)
    toon = ((smooth * levels).floor() + 0.6) / levels
    style = torch.rand(count, 1, 1, 1, generator=generator)
    styled = torch.where(
        style < 0.4, image, torch.where(style < 0.65, tint, torch.where(style < 0.85, toon, coat * tones))
    )
    inside = -max_pool2d(-mask.float(), 3, 1, 1)
    inside = torch.where(some(count, 0.4, generator), -max_pool2d(-inside, 3, 1, 1), inside)
    line = (mask.float() - inside).clamp(min=0) * some(count, 0.2, generator)
    return styled.lerp(0.5 * torch.rand(count, 3, 1, 1, generator=generator) ** 2, line).clamp(0, 1)


def relight(image: Pictures, alpha: Field, generator: torch.Generator) -> Pictures:
    """One in ten animals stands against the light, as many are taken at night, a quarter in light that falls off."""
    count = len(image)
    against = some(count, 0.1, generator) * alpha * uniform(count, 0.4, 0.85, generator)
    image = image * (1 - against)
    night = some(count, 0.1, generator)
    dark = image * uniform(count, 0.15, 0.45, generator) * torch.tensor([0.8, 0.9, 1.15]).view(1, 3, 1, 1)
    image = torch.where(night, dark, image)
    light = 1 + 0.35 * interpolate(torch.randn(count, 1, 2, 2, generator=generator), image.shape[-2:], mode="bilinear")
    return torch.where(some(count, 0.25, generator), image * light, image).clamp(0, 1)


def compress(image: Pictures, generator: torch.Generator) -> Pictures:
    """Half of the pictures with the blocks and the smeared colours of JPEG of low quality."""
    count, _, height, width = image.shape
    rows, columns = -(-height // 8) * 8, -(-width // 8) * 8
    padded = torch.nn.functional.pad(image, (0, columns - width, 0, rows - height), mode="replicate")
    luma = (padded * _LUMA).sum(1, keepdim=True)
    chroma = interpolate(avg_pool2d(padded - luma, 2), (rows, columns), mode="nearest")
    index = torch.arange(8.0)
    basis = (
        torch.cos((2 * index + 1) * index[:, None] * torch.pi / 16) * torch.where(index == 0, 0.125**0.5, 0.5)[:, None]
    )
    blocks = torch.cat((luma - 0.5, chroma), 1).unflatten(2, (-1, 8)).unflatten(4, (-1, 8)).permute(0, 1, 2, 4, 3, 5)
    step = 0.02 * (1 + 0.5 * (index + index[:, None])) * uniform(count, 0.3, 4.0, generator)[..., None, None]
    coefficients = (basis @ blocks @ basis.T / step).round() * step
    blocks = (basis.T @ coefficients @ basis).permute(0, 1, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)
    rebuilt = (blocks[:, :1] + 0.5 + blocks[:, 1:])[..., :height, :width].clamp(0, 1)
    return torch.where(some(count, 0.5, generator), rebuilt, image)


def _soft_edge(mask: Mask, generator: torch.Generator) -> Field:
    """The mask with an edge of a pixel or two that lets the backdrop through, so that no rim of the old one is left."""
    soft = avg_pool2d(mask.float(), 3, 1, 1)
    return (soft * 2 - uniform(len(mask), 0.4, 1.0, generator)).clamp(0, 1)


def _shadow(mask: Mask, generator: torch.Generator) -> Field:
    """Darkness below some of the animals."""
    count, _, size, _ = mask.shape
    coarse = avg_pool2d(mask.float(), 8, ceil_mode=True)
    lowered = torch.nn.functional.pad(coarse, (0, 0, 1, 0))[:, :, :-1]
    soft = interpolate(avg_pool2d(lowered, 3, 1, 1), (size, size), mode="bilinear")
    return soft * some(count, 0.4, generator) * uniform(count, 0.2, 0.8, generator)


def _occlude(image: Pictures, thing: Pictures, generator: torch.Generator) -> tuple[Pictures, Mask]:
    """Some pictures with something small in front, and where that is."""
    count, _, size, _ = image.shape
    axis = (2 * torch.arange(size) + 1) / size - 1
    x, y = axis.view(1, 1, 1, -1), axis.view(1, 1, -1, 1)
    left, top = uniform(count, -1.0, 1.0, generator), uniform(count, -0.6, 1.0, generator)
    broad, high = uniform(count, 0.03, 0.25, generator), uniform(count, 0.05, 0.5, generator)
    hidden = ((x - left).abs() < broad) & ((y - top).abs() < high) & some(count, 0.12, generator)
    return torch.where(hidden, thing, image), hidden
