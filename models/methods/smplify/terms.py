"""The energy of SMPLify (Bogo et al. 2016, section 3.2): joints in the picture, plausible pose, hinges, shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi

import torch
from jaxtyping import Float
from torch import Tensor

SIGMA = 100.0
"""Pixels from which on an error hardly grows (Geman and McClure)."""
ROUNDS = 20
"""Rounds of expectation and maximisation."""
SHRINKAGE = 0.1
"""Share of each covariance that is its own diagonal."""
LEAST = 0.05
"""Radians that are added to every deviation, so that a joint that never turned may."""

PerRow = Float[Tensor, " rows"]
Covariances = Float[Tensor, "components numbers numbers"]


def reprojection(
    projected: Float[Tensor, "rows landmarks 2"],
    known: Float[Tensor, "rows landmarks 2"],
    confidence: Float[Tensor, "rows landmarks"],
) -> PerRow:
    """Robust squared distance in pixels: sigma^2 e^2 / (sigma^2 + e^2), weighted by the squared confidence."""
    error = (projected - known).square().sum(-1)
    return (confidence.square() * SIGMA**2 * error / (SIGMA**2 + error)).sum(1)


def robust(squared: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """A squared distance in pixels that beyond sigma hardly grows."""
    return SIGMA**2 * squared / (SIGMA**2 + squared)


def hinge(
    angles: Float[Tensor, "rows joints 3"], axes: Float[Tensor, "joints 3"], bent: Float[Tensor, " joints"]
) -> PerRow:
    """exp(-2 angle) of each hinge, from where it is straight; `bent` is how far it is bent in the rest pose."""
    angle = (angles * axes).sum(-1) + bent
    return (axes.any(-1) * torch.exp(-2 * angle.clamp(min=-10))).sum(1)


def rest_bends(
    joints: Float[Tensor, "joints 3"], parents: Sequence[int], axes: Float[Tensor, "joints 3"]
) -> Float[Tensor, " joints"]:
    """How far each hinge is bent in the rest pose: from the bone before it to the one after it, about its axis."""
    bends = torch.zeros(len(joints)).to(joints)
    for joint in axes.any(-1).nonzero()[:, 0].tolist():
        before, after = joints[joint] - joints[parents[joint]], joints[parents.index(joint)] - joints[joint]
        flat = [bone - (bone @ axes[joint]) * axes[joint] for bone in (before, after)]
        bends[joint] = torch.atan2(torch.linalg.cross(*flat) @ axes[joint], flat[0] @ flat[1])
    return bends


def shape_prior(shape: Float[Tensor, "rows shapes"]) -> PerRow:
    """Squared distance from the mean shape in standard deviations."""
    return shape.square().sum(1)


@dataclass(frozen=True)
class AnglePrior:
    """Squared angles: how far the body is from its rest pose, whichever way."""

    def energy(self, angles: Float[Tensor, "rows numbers"]) -> PerRow:
        """Half of their sum."""
        return angles.square().sum(1) / 2

    @property
    def mean(self) -> float:
        """The rest pose."""
        return 0.0


@dataclass(frozen=True)
class MixturePrior:
    """Gaussians over all angles together, of which the nearest counts (SMPLify's minimum of the mixture)."""

    means: Float[Tensor, "components numbers"]
    whitening: Covariances
    """Takes angles to independent ones of deviation 1."""
    offset: Float[Tensor, " components"]
    """Minus the logarithm of each weight and height, above the smallest."""

    def energy(self, angles: Float[Tensor, "rows numbers"]) -> PerRow:
        """Minus the logarithm of the nearest Gaussian, above that of the best pose."""
        white = torch.einsum("cij,rcj->rci", self.whitening, angles[:, None] - self.means)
        return (white.square().sum(-1) / 2 + self.offset).amin(1)

    @property
    def mean(self) -> Float[Tensor, " numbers"]:
        """The middle of the likeliest Gaussian."""
        return self.means[self.offset.argmin()]


def fit_prior(poses: Float[Tensor, "poses numbers"], components: int, seed: int = 0) -> MixturePrior:
    """A mixture of so many Gaussians by expectation and maximisation, from the poses' own seed on.

    Raises ValueError for fewer than twenty poses to a Gaussian.
    """
    if len(poses) < 20 * components:
        raise ValueError(f"{len(poses)} poses are too few for {components} Gaussians; take fewer, or give more poses")
    data = poses.double()
    shares = _first_shares(data, components, seed)
    for _ in range(ROUNDS if components > 1 else 0):
        weight, means, covariance = _maximise(data, shares)
        shares = (-_heights(data, weight, means, torch.linalg.cholesky(covariance))).softmax(1)
    weight, means, covariance = _maximise(data, shares)
    factor = torch.linalg.cholesky(covariance)
    numbers = data.shape[1]
    whitening = torch.linalg.solve_triangular(factor, torch.eye(numbers).to(data), upper=False)
    offset = -weight.log() + factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return MixturePrior(means.to(poses), whitening.to(poses), (offset - offset.min()).to(poses))


def _first_shares(
    data: Float[Tensor, "poses numbers"], components: int, seed: int
) -> Float[Tensor, "poses components"]:
    """Every pose belongs to the nearest of some far from each other (k-means++)."""
    generator = torch.Generator().manual_seed(seed)
    chosen = [int(torch.randint(len(data), (), generator=generator))]
    while len(chosen) < components:
        away = torch.cdist(data, data[chosen]).amin(1).square()
        chosen.append(int(torch.multinomial(away, 1, generator=generator)))
    return torch.nn.functional.one_hot(torch.cdist(data, data[chosen]).argmin(1), components).to(data)


def _maximise(
    data: Float[Tensor, "poses numbers"], shares: Float[Tensor, "poses components"]
) -> tuple[
    Float[Tensor, " components"], Float[Tensor, "components numbers"], Float[Tensor, "components numbers numbers"]
]:
    total = shares.sum(0).clamp(min=1e-6)
    means = shares.mT @ data / total[:, None]
    apart = data - means[:, None]
    covariance = torch.einsum("pc,cpi,cpj->cij", shares, apart, apart) / total[:, None, None]
    diagonal = torch.diag_embed(covariance.diagonal(dim1=1, dim2=2))
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal
    return total / len(data), means, covariance + LEAST**2 * torch.eye(data.shape[1]).to(data)


def _heights(
    data: Float[Tensor, "poses numbers"],
    weight: Float[Tensor, " components"],
    means: Float[Tensor, "components numbers"],
    factor: Covariances,
) -> Float[Tensor, "poses components"]:
    """Minus the logarithm of each Gaussian at each pose."""
    apart = (data - means[:, None]).mT
    white = torch.linalg.solve_triangular(factor, apart, upper=False)
    constant = factor.diagonal(dim1=1, dim2=2).log().sum(1) + data.shape[1] * log(2 * pi) / 2 - weight.log()
    return (white.square().sum(1) / 2 + constant[:, None]).mT
