"""Left/right head-direction pseudo-labels, derived from the front/back view labels of the data set, or from guesses.

A prompt says front, side or back, never left or right, and a side view fits a silhouette about as well with its head at
either end: a run from nothing then takes one end for the head at random (docs/lab, round 8). But photos of fronts show
heads, and photos of backs show rumps. What sets the ones' features apart from the others' tells the two ends of a side
view.

Somebody's own photos come without such words. Where a model of other animals guesses most of them rightly, the photos
agree on which features go with the head, and that corrects the guesses that were wrong (docs/lab, round 27).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from models.core.category import VIEWS

Maps = Float[Tensor, "count rows columns"]

MIN_CORRELATION = 0.3
"""Smallest correlation of map and column that gives a label: of 2,880 procedural photos 2,416 have it, 99 % rightly."""
MIN_AGREEMENT = 0.5
"""The same for guesses: of 200 elephants and 200 bears by other artists 192 and 191 have it, 98 and 84 % rightly."""
ROUNDS = 10
"""Most corrections of the guesses; after two or three they stay as they are."""
SHRINKAGE = 0.1
"""Share of the mean variance that is added to the features' covariance: few photos have many features."""
BATCH_SIZE = 500
"""Maps in single precision at a time: those of 10,000 large crops would take 2.6 GB."""


def head_directions(
    maps: Float[Tensor, "count channels rows columns"],
    mask: Bool[Tensor, "count size size"],
    view: Int[Tensor, " count"],
) -> Float[Tensor, " count"]:
    """1 where the head is to the right, -1 where it is to the left, 0 where the correlation is too small.

    `view` is an index into `models.core.category.VIEWS`. Without both front and back views nothing is known.
    """
    share = _shares(mask, maps)
    batches = zip(maps.split(BATCH_SIZE), share.split(BATCH_SIZE), strict=True)
    means = torch.cat([torch.einsum("nchw,nhw->nc", batch.float(), part) for batch, part in batches])
    front, back = (means[view == VIEWS.index(word)] for word in ("front", "back"))
    if not len(front) or not len(back):
        return torch.zeros(len(maps))
    correlation = _correlate(maps, front.mean(0) - back.mean(0), share)
    return correlation.sign() * (correlation.abs() > MIN_CORRELATION)


def agree_on_directions(
    keys: Float[Tensor, "count channels rows columns"],
    mask: Bool[Tensor, "count size size"],
    guesses: Float[Tensor, " count"],
) -> Float[Tensor, " count"]:
    """1 where the head is to the right, -1 where it is to the left, 0 where the photos do not tell.

    `guesses` are positive for heads to the right and may be wrong in a minority of the photos; their size is how much
    they count at first. What sets the features of heads apart from those of rumps is Fisher's discriminant.
    """
    share = _shares(mask, keys)
    column = torch.linspace(-1, 1, keys.shape[-1]).expand_as(share)
    width = _covariance(column, column, share).sqrt().clamp(min=1e-9)
    moments = [_moments(*each) for each in zip(*(of.split(BATCH_SIZE) for of in (keys, share, column)), strict=True)]
    slopes = torch.cat([slope for slope, _ in moments]) / width[:, None]
    covariance = torch.stack([square for _, square in moments]).sum(0) / len(keys)
    variance = covariance.diagonal().mean().clamp(min=1e-9)
    whitening = torch.linalg.inv(covariance + SHRINKAGE * variance * torch.eye(len(covariance)))
    correlation = guesses
    for _ in range(ROUNDS):
        before = correlation
        correlation = _correlate(keys, whitening @ (slopes * before[:, None]).mean(0), share)
        if torch.equal(correlation.sign(), before.sign()):
            break
    return correlation.sign() * (correlation.abs() > MIN_AGREEMENT)


def _shares(mask: Bool[Tensor, "count size size"], maps: Float[Tensor, "count channels rows columns"]) -> Maps:
    """Of the animal, in each cell of the maps."""
    on = adaptive_avg_pool2d(mask.float(), (maps.shape[-2], maps.shape[-1]))
    return on / on.sum((-1, -2), keepdim=True).clamp(min=1e-6)


def _moments(
    maps: Float[Tensor, "count channels rows columns"], share: Maps, column: Maps
) -> tuple[Float[Tensor, "count channels"], Float[Tensor, "channels channels"]]:
    """Covariances of the channels with the column in each image, and with one another in all images."""
    maps = maps.float()
    about = maps - torch.einsum("nchw,nhw->nc", maps, share)[..., None, None]
    tokens = (about * share.sqrt()[:, None]).movedim(1, -1).flatten(0, -2)
    return torch.einsum("nchw,nhw->nc", about, column * share), tokens.T @ tokens


def _correlate(
    maps: Float[Tensor, "count channels rows columns"], apart: Float[Tensor, " channels"], share: Maps
) -> Float[Tensor, " count"]:
    """Correlation, over each animal, of the maps along this direction with the column."""
    likeness = torch.cat([torch.einsum("nchw,c->nhw", batch.float(), apart) for batch in maps.split(BATCH_SIZE)])
    column = torch.linspace(-1, 1, maps.shape[-1]).expand_as(likeness)
    spread = (_covariance(likeness, likeness, share) * _covariance(column, column, share)).sqrt()
    return _covariance(likeness, column, share) / spread.clamp(min=1e-9)


def _covariance(one: Maps, other: Maps, share: Maps) -> Float[Tensor, " count"]:
    """Covariance of two maps over each image, weighted by its shares."""
    means = [(values * share).sum((-1, -2), keepdim=True) for values in (one, other)]
    return ((one - means[0]) * (other - means[1]) * share).sum((-1, -2))
