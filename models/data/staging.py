"""Training pictures of a segmenter: animals and things before any backdrop, in any light, drawn in any style.

Networks that see one renderer's meadows only take a meadow for a part of the animal. Backdrops without any meaning of
their own (domain randomisation, Tobin et al. 2017) teach them to look at the animal, things teach them what is none.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, max_pool2d, normalize

from models.data.cutouts import FLAT, Cutouts
from models.data.scenery import cast_shadows, compress, hide, relight
from models.data.transforms import Labels, Motion, Pictures, some, uniform

Field = Float[Tensor, "batch 1 height width"]
Slopes = Float[Tensor, "batch 2 height width"]
Kinds = Int[Tensor, " batch"]
PHOTO, STAGED, DRAWN, THING, BARE = range(5)
"""What a picture is made from: a photo as it is, its animal alone, a cut-out animal, a thing, a backdrop alone."""
_LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


@dataclass(frozen=True)
class Photos:
    """Photos of one animal each."""

    image: UInt8[ndarray, "count size size 3"]
    mask: Bool[ndarray, "count size size"]
    label: Int[ndarray, " count"]
    """Index into the animals plus one."""


@dataclass(frozen=True)
class Props:
    """What pictures are made from; all of it of one size."""

    photos: Photos
    versions: Photos | None
    """Other versions of photos, which stand for three in ten of the photos shown as they are."""
    animals: Cutouts
    things: Cutouts
    backdrops: UInt8[ndarray, "count large large 3"]


@dataclass(frozen=True)
class Layer:
    """Cut-outs where they stand in their pictures."""

    colour: Pictures
    opacity: Field
    slope: Slopes
    label: Int[Tensor, " batch"]


class Stage:
    """Makes batches of pictures and the label of every pixel."""

    def __init__(self, props: Props, shares: tuple[float, ...], weights: Float[ndarray, " labels"]) -> None:
        """`shares` of photos, staged animals, drawn animals, things, bare backdrops; `weights` of labels 1, 2, ..."""
        self.props = props
        self._shares = torch.tensor(shares) * torch.tensor([1, 1, len(props.animals) > 0, 1, 1])
        self._photos = _rows_of(props.photos.label, len(weights))
        self._animals = _rows_of(props.animals.label, len(weights))
        self._chances = [
            weights * np.array([len(rows) > 0 for rows in table]) for table in (self._photos, self._animals)
        ]
        self._grain = torch.randn(2**22, generator=torch.Generator().manual_seed(9))

    @torch.no_grad()
    def draw(self, count: int, size: int, generator: torch.Generator) -> tuple[Pictures, Labels]:
        """Pictures in [0, 1]; their labels are 0 off the animals."""
        kind = torch.multinomial(self._shares, count, True, generator=generator)
        kinds = kind.view(-1, 1, 1, 1)
        backdrop = self._backdrops(kind, size, generator)
        layer = self._place(kind, size, generator)
        styled = blend_in(self._restyle(layer, kinds >= DRAWN, generator), backdrop, layer.opacity, generator)
        trim = uniform(count, 0.5, 1.0, generator) * (kinds < DRAWN)
        edge = (layer.opacity * uniform(count, 1.5, 2.2, generator) - trim).clamp(0, 1)
        image = (backdrop * (1 - cast_shadows(layer.opacity, generator))).lerp(styled, edge)
        image = torch.where(kinds == PHOTO, layer.colour, image)
        mask = (layer.opacity > 0.5) & (kinds < THING)
        hidden = hide(size, some(count, 0.1, generator) & (kinds != PHOTO), generator)
        image, mask = torch.where(hidden, backdrop.roll(1, 0), image), mask & ~hidden
        image = relight(image, edge * (kinds != PHOTO), generator)
        image = self._spoil(image, generator)
        return compress(image, generator), torch.where(mask[:, 0], layer.label.view(-1, 1, 1), 0)

    def _backdrops(self, kind: Kinds, size: int, generator: torch.Generator) -> Pictures:
        """Three in ten plain or graded; things stand in a quarter of the animals' and a third of the things'."""
        count = len(kind)
        plain = some(count, 0.3, generator)
        backdrop = torch.where(plain, grade(count, size, generator), self._crops(count, size, 0.35, generator))
        chance = torch.tensor([0.0, 0.22, 0.22, 0.35, 0.0])[kind]
        rows = (torch.rand(count, generator=generator) < chance).nonzero()[:, 0]
        if len(rows):
            layer = self._place(torch.full((len(rows),), THING), size, generator)
            styled = self._restyle(layer, torch.ones(len(rows), 1, 1, 1, dtype=torch.bool), generator)
            backdrop[rows] = backdrop[rows].lerp(styled, layer.opacity)
        return backdrop

    def _crops(self, count: int, size: int, least: float, generator: torch.Generator) -> Pictures:
        """Pieces of backdrops, at `least` so large a part of them."""
        rows = torch.randint(len(self.props.backdrops), (count,), generator=generator).numpy()
        image = torch.from_numpy(self.props.backdrops[rows]).permute(0, 3, 1, 2) / 255
        zoom = uniform(count, least, 1.0, generator).flatten()
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1] = zoom * (1 - 2 * some(count, 0.5, generator).flatten().float()), zoom
        theta[:, :, 2] = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - zoom)[:, None]
        return _resample(image, theta, size, "border")

    def _place(self, kind: Kinds, size: int, generator: torch.Generator) -> Layer:
        """Photos and cut-outs moved, turned, mirrored, stretched: fat and thin, near and far."""
        values, label = self._fetch(kind, generator)
        theta = place(kind, generator)
        colour = _resample(values[:, :3], theta, size, "border")
        rest = _resample(values[:, 3:], theta, size, "zeros")
        mirror = torch.stack((theta[:, 0, 0].sign(), torch.ones(len(kind))), 1)[..., None, None]
        slope = (rest[:, 1:] * 255 - FLAT) / 127 * mirror
        return Layer(colour, rest[:, :1] * (kind != BARE).view(-1, 1, 1, 1), slope.clamp(-1, 1), label)

    def _fetch(self, kind: Kinds, generator: torch.Generator) -> tuple[Float[Tensor, "batch 6 size size"], Kinds]:
        """Colours, opacity and slopes of random photos and cut-outs, and their labels."""
        props, size = self.props, self.props.photos.image.shape[1]
        random = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        values = np.full((len(kind), size, size, 6), FLAT, np.uint8)
        label = np.zeros(len(kind), np.int64)
        for index, one in enumerate(kind.tolist()):
            if one <= STAGED:
                photos, row = props.photos, self._sample(self._photos, self._chances[0], random)
                if one == PHOTO and props.versions is not None and random.random() < 0.3:
                    photos, row = props.versions, random.integers(len(props.versions.label))
                values[index, ..., :3], values[index, ..., 3] = photos.image[row], 255 * photos.mask[row]
                label[index] = photos.label[row]
            elif one != BARE:
                cutouts = props.animals if one == DRAWN else props.things
                evenly = one == DRAWN and random.random() < 0.6
                row = self._sample(self._animals, self._chances[1], random) if evenly else random.integers(len(cutouts))
                values[index, ..., :4], values[index, ..., 4:] = cutouts.image[row], cutouts.slope[row]
                label[index] = cutouts.label[row]
        return torch.from_numpy(values).permute(0, 3, 1, 2) / 255, torch.from_numpy(label)

    @staticmethod
    def _sample(table: list[ndarray], chances: Float[ndarray, " labels"], random: np.random.Generator) -> int:
        rows = table[random.choice(len(table), p=chances / chances.sum())]
        return int(rows[random.integers(len(rows))])

    def _restyle(self, layer: Layer, flat: Bool[Tensor, "batch 1 1 1"], generator: torch.Generator) -> Pictures:
        """What was cut out in other tints, tones and coats; half of the `flat` ones shaded as solids."""
        image, count = layer.colour, len(layer.colour)
        coat = self._crops(count, image.shape[-1], 0.15, generator)
        grey = (image * _LUMA).sum(1, keepdim=True)
        shade, gloss = light_solids(layer.slope, generator)
        base = torch.where(flat & some(count, 0.5, generator), image * shade + gloss, image)
        tint = grey + (base - grey) * uniform(count, 0.0, 1.9, generator)
        tint = tint * (1 + 0.3 * torch.randn(count, 3, 1, 1, generator=generator))
        tint = tint.clamp(1e-3, 1) ** uniform(count, 0.4, 1.6, generator)
        levels = uniform(count, 2.0, 5.0, generator).round()
        toon = ((base * levels).floor() + 0.6) / levels
        tone = torch.where(flat, shade, 0.35 + 1.3 * grey)
        coated = coat * torch.where(some(count, 0.3, generator), 1.0, tone)
        style = torch.rand(count, 1, 1, 1, generator=generator)
        styled = torch.where(style < 0.4, base, torch.where(style < 0.62, tint, torch.where(style < 0.7, toon, coated)))
        line = (layer.opacity + max_pool2d(-layer.opacity, 3, 1, 1)).clamp(min=0) * some(count, 0.18, generator)
        return styled.lerp(0.5 * torch.rand(count, 3, 1, 1, generator=generator) ** 2, line).clamp(0, 1)

    def _spoil(self, image: Pictures, generator: torch.Generator) -> Pictures:
        """Other colours; three in ten blurred, a third noisy."""
        count, _, size, _ = image.shape
        grey = image.mean(1, keepdim=True)
        contrast = uniform(count, 0.7, 1.3, generator)
        balance = (1 + 0.1 * torch.randn(count, 3, 1, 1, generator=generator)) * contrast
        image = (grey + (image - grey) * uniform(count, 0.4, 1.4, generator)) * balance
        image = image + 0.5 - 0.5 * contrast + uniform(count, -0.1, 0.1, generator)
        small = int(size * (0.45 + 0.4 * float(torch.rand((), generator=generator))))
        blurred = interpolate(interpolate(image, (small, small), mode="bilinear"), (size, size), mode="bilinear")
        image = torch.where(some(count, 0.3, generator), blurred, image)
        start = int(torch.randint(max(1, len(self._grain) - image.numel()), (1,), generator=generator))
        grain = self._grain[torch.arange(start, start + image.numel()) % len(self._grain)].view_as(image)
        noise = some(count, 0.33, generator) * uniform(count, 0.01, 0.08, generator)
        return (image + noise * grain).clamp(0, 1)


def _rows_of(label: Int[ndarray, " count"], labels: int) -> list[ndarray]:
    return [np.flatnonzero(label == number + 1) for number in range(labels)]


def _resample(
    image: Float[Tensor, "batch channels _height _width"], theta: Motion, size: int, padding: str
) -> Float[Tensor, "batch channels {size} {size}"]:
    grid = affine_grid(theta, [len(image), 1, size, size], align_corners=False)
    return grid_sample(image, grid, padding_mode=padding, align_corners=False)


def place(kind: Kinds, generator: torch.Generator) -> Motion:
    """Motions: photos move a little, what is cut out fills 0.48 to 1.04 of the picture, and things turn far."""
    count = len(kind)
    photo, thing = kind == PHOTO, kind == THING
    near = uniform(count, -0.35, 0.35, generator).exp().flatten()
    zoom = torch.where(photo, near, uniform(count, -0.12, 0.66, generator).exp().flatten())
    mirror = 1 - 2 * some(count, 0.5, generator).flatten().float()
    stretch = (torch.where(photo, 0.06, 0.2) * torch.randn(count, generator=generator)).exp()
    turn = torch.where(photo, 0.12, torch.where(thing, 0.4, 0.14)) * torch.randn(count, generator=generator)
    shear = torch.where(photo, 0.0, 0.1) * torch.randn(count, generator=generator)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = zoom * stretch * mirror * turn.cos()
    theta[:, 0, 1] = -zoom * stretch * mirror * turn.sin() + shear
    theta[:, 1, 0], theta[:, 1, 1] = zoom / stretch * turn.sin(), zoom / stretch * turn.cos()
    reach = torch.where(photo, 0.25 / zoom, (1.08 - 0.92 / zoom).clamp(min=0.1))
    centre = (torch.rand(count, 2, generator=generator) * 2 - 1) * reach[:, None]
    theta[:, :, 2] = -(theta[:, :, :2] @ centre[:, :, None])[:, :, 0]
    return theta


def blend_in(image: Pictures, backdrop: Pictures, opacity: Field, generator: torch.Generator) -> Pictures:
    """A fifth of the pictures in tones close to those that they cover: white sheep in snow, bays in leaves."""
    count = len(image)
    covered = ((backdrop - image) * opacity).mean((2, 3), keepdim=True) / opacity.mean((2, 3), keepdim=True).clamp(1e-3)
    strength = some(count, 0.2, generator) * uniform(count, 0.4, 1.0, generator)
    return (image + strength * covered).clamp(0, 1)


def light_solids(slope: Slopes, generator: torch.Generator) -> tuple[Field, Field]:
    """Factors of Lambert's law under a lamp somewhere above, and highlights, on inflated silhouettes."""
    count = len(slope)
    around, up = 6.283 * torch.rand(count, generator=generator), 0.15 + 0.9 * torch.rand(count, generator=generator)
    across, down = around.cos() * up.cos(), -(0.6 * around.sin() + 0.4) * up.cos()
    lamp = normalize(torch.stack((across, down, up.sin()), 1))[..., None, None]
    depth = (1 - slope.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
    lit = (torch.cat((slope, depth), 1) * lamp).sum(1, keepdim=True).clamp(min=0)
    ambient = uniform(count, 0.2, 0.7, generator)
    gloss = some(count, 0.3, generator) * uniform(count, 0.1, 0.6, generator) * lit**12
    return ambient + (1.25 - ambient) * lit, gloss


def grade(count: int, size: int, generator: torch.Generator) -> Pictures:
    """One colour, one that runs into another, or a ground below a sky."""
    colours = torch.rand(2, count, 3, 1, 1, generator=generator)
    first, second = colours.mean(2, keepdim=True).lerp(colours, torch.rand(1, count, 1, 1, 1, generator=generator))
    axis = (torch.arange(size) + 0.5) / size
    down = axis.view(1, 1, -1, 1)
    ramp = torch.where(some(count, 0.5, generator), down, axis.view(1, 1, 1, -1))
    horizon = ((down - uniform(count, 0.3, 0.85, generator)) * size).clamp(0, 1)
    kind = torch.rand(count, 1, 1, 1, generator=generator)
    return first.lerp(second, torch.where(kind < 0.4, 0.0, torch.where(kind < 0.75, ramp, horizon)))
