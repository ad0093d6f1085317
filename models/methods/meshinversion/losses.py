"""Losses of MeshInversion (Zhang et al. 2022, section 3.2) and of the GAN that it searches (ConvMesh, section 3.2)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

TOLERANCE = 0.16
"""tau of the paper, in halves of the picture's width: points of two pictures match freely within twice that."""
BANDWIDTH = 0.5
"""h of the contextual loss (Mechrez et al. 2018)."""
Points = Float[Tensor, "points 2"]
Values = Float[Tensor, "points channels"]


def misplacement(ours: Points, theirs: Float[Tensor, "others 2"]) -> Float[Tensor, "points others"]:
    """By what a match of two points counts more than one nearby (equation 5, k = alpha = 1); without gradient."""
    apart = torch.cdist(ours.detach(), theirs.detach()).square()
    return (1 - (2 * TOLERANCE) ** 2 + apart).clamp(min=1)


def chamfer_texture(
    ours: Values, theirs: Float[Tensor, "others channels"], weight: Float[Tensor, "points others"]
) -> Float[Tensor, " points"]:
    """For each of our points the best match: squared distance of values plus one, times `misplacement` (equation 4)."""
    with torch.no_grad():
        best = (weight * (torch.cdist(ours, theirs).square() + 1)).argmin(1)
    row = torch.arange(len(best), device=best.device)
    return weight[row, best] * ((ours - theirs[best]).square().sum(1) + 1)


def pixel_loss(
    ours: Values,
    our_places: Points,
    theirs: Float[Tensor, "others channels"],
    their_places: Float[Tensor, "others 2"],
) -> Float[Tensor, ""]:
    """Chamfer texture loss of colours in [-1, 1], from the drawn picture to the photo."""
    return chamfer_texture(ours, theirs, misplacement(our_places, their_places)).mean()


def feature_loss(
    ours: Values,
    our_places: Points,
    theirs: Float[Tensor, "others channels"],
    their_places: Float[Tensor, "others 2"],
) -> Float[Tensor, ""]:
    """The same of unit features, both ways."""
    ours, theirs = normalize(ours, dim=1), normalize(theirs, dim=1)
    weight = misplacement(our_places, their_places)
    there, back = chamfer_texture(ours, theirs, weight), chamfer_texture(theirs, ours, weight.mT)
    return (there.mean() + back.mean()) / 2


def contextual_loss(ours: Values, theirs: Float[Tensor, "others channels"]) -> Float[Tensor, ""]:
    """Mechrez et al. 2018, equations 2 to 5: how much each of their features has one of ours to itself."""
    centre = theirs.mean(0)
    apart = 1 - normalize(ours - centre, dim=1) @ normalize(theirs - centre, dim=1).mT
    relative = apart / (apart.amin(1, keepdim=True) + 1e-5)
    similarity = ((1 - relative) / BANDWIDTH).softmax(1)
    return -similarity.amax(0).mean().log()


def mask_loss(projected: Float[Tensor, "vertices 2"], foreground: Float[Tensor, "pixels 2"]) -> Float[Tensor, ""]:
    """Chamfer mask loss (equation 6): squared, between projected vertices and the middles of the mask's pixels."""
    with torch.no_grad():
        apart = torch.cdist(projected, foreground)
        to_theirs, to_ours = apart.argmin(1), apart.argmin(0)
    there = (projected - foreground[to_theirs]).square().sum(1).mean()
    return there + (projected[to_ours] - foreground).square().sum(1).mean()


def latent_prior(latent: Float[Tensor, "*batch channels"]) -> Float[Tensor, ""]:
    """Mean of z^2 / 2."""
    return latent.square().mean() / 2


def hinge_loss(
    logits: Float[Tensor, "batch 1 rows columns"], real: bool, known: Bool[Tensor, "batch 1 rows columns"] | None = None
) -> Float[Tensor, ""]:
    """What a map discriminator pays, over patches of which something is known."""
    missing = (1 - logits if real else 1 + logits).relu()
    return missing.mean() if known is None else (missing * known).sum() / known.sum().clamp(min=1)


def square_loss(answer: Float[Tensor, "batch 1 rows columns"], target: float) -> Float[Tensor, ""]:
    """Least squares (LSGAN), for the picture discriminator."""
    return (answer - target).square().mean()
