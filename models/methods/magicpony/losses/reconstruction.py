"""How far a rendering is from its photo, one number per image (MagicPony; fidelity F33 to F35).

Means run over all pixels and channels, so weights do not depend on the resolution. One departure: colours and features
are compared where photo and rendering overlap, and that mean is scaled to the photo's animal, not to the overlap. The
authors' scaling rewards a viewpoint for overlapping little: measured on barnyard cows, it made colour and features
choose among viewpoints worse than chance (25 % and 43 % in the right half, silhouettes 82 %).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from models.data.batch import Batch
from models.methods.magicpony.state import Prediction
from models.rendering.types import Rendering

HYPOTHESES = 4
"""Viewpoints to choose from, one to a quadrant."""


def mask(rendering: Rendering, batch: Batch) -> Float[Tensor, " batch"]:
    """Squared silhouette error where the photo is known."""
    return _mean((rendering.mask * batch.valid - batch.mask).square())


def mask_distance_loss(rendering: Rendering, batch: Batch) -> Float[Tensor, " batch"]:
    """MagicPony's distance-transform mask loss: missed foreground pixels, weighted by their distance to the boundary.

    Pulls the surface over thin parts, where the silhouette error alone has no slope.
    """
    if batch.inside is None:
        raise ValueError("batch.inside is None; the loss `mask_distance` needs the distance inside the mask")
    return _mean((1 - rendering.mask) * batch.inside)


def rgb(rendering: Rendering, batch: Batch) -> Float[Tensor, " batch"]:
    """Absolute colour error one pixel inside the common silhouette."""
    return _where_common((rendering.rgb - batch.image).abs(), rendering, batch)


def features(rendering: Rendering, batch: Batch) -> Float[Tensor, " batch"] | None:
    """Squared error of the rendered feature field against the photo's ViT features; None where there are none."""
    if batch.features is None or rendering.features is None:
        return None
    size = batch.mask.shape[-2:]
    photo = interpolate(batch.features, size=size, mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    return _where_common((rendering.features - photo).square(), rendering, batch)


def by_probability(error: Float[Tensor, " batch"], prediction: Prediction) -> Float[Tensor, ""]:
    """Mean over the batch in which unlikely viewpoints hardly train the shape; weight 1 at uniform odds."""
    return (error * prediction.probability.detach() * HYPOTHESES).mean()


def _where_common(error: Tensor, rendering: Rendering, batch: Batch) -> Float[Tensor, " batch"]:
    """Mean error per pixel of the overlap, times the share of the photo that the animal covers."""
    common = _common_interior(rendering, batch)
    return _mean(error.mean(-1) * common) / (_mean(common) + 1e-3) * _mean(batch.mask)


@torch.no_grad()
def _common_interior(rendering: Rendering, batch: Batch) -> Tensor:
    """1 where the 3 x 3 neighbourhood lies in both silhouettes: no blame for the antialiased rim."""
    common = batch.mask * (rendering.mask * batch.valid > 0)
    return (avg_pool2d(common[:, None], 3, stride=1, padding=1)[:, 0] > 0.99).to(common)


def _mean(values: Tensor) -> Tensor:
    return values.flatten(1).mean(1)
