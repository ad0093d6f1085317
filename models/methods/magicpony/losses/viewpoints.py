"""Teaching each viewpoint hypothesis to predict the error it ends up with (MagicPony; fidelity F12).

Only the viewpoint that was taken is rendered in full. Its error, and how much worse or better the silhouettes of the
others are, make the target of all four scores. (One score per step, as the
authors teach, is too slow for 10^3 steps.)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.methods.magicpony.losses.silhouettes import SilhouetteTarget
from models.methods.magicpony.state import Alternatives

SIZE = 48
"""Pixels of a silhouette that is only compared."""


def hypothesis(
    alternatives: Alternatives, error: Float[Tensor, " batch"], relative_error: Float[Tensor, "batch hypotheses"]
) -> Float[Tensor, ""]:
    """Regress each hypothesis score to the reconstruction error that its viewpoint would give.

    That is the sampled hypothesis's error plus the viewpoint's own silhouette error relative to that hypothesis.

    What the prompt's word rules out is never tried. Untaught, its score would stay arbitrary and win where no word is
    given (a third of front views came out as back views), so it counts as twice as bad as the taken viewpoint.
    """
    error = error.detach()[:, None]
    target = error + relative_error.detach()
    target = target + alternatives.ruled_out * (2 * error - target).clamp(min=0)
    return (alternatives.score - target).square().mean()


@torch.no_grad()
def relative_error(
    drawn: Float[Tensor, "images size size"],
    taken: Int[Tensor, " batch"],
    batch: Batch,
    mask: float,
    mask_distance: float,
) -> Float[Tensor, "batch hypotheses"]:
    """Error of the silhouettes from all viewpoints, image by image, under these weights, less that of the taken one."""
    # Views before photos, so that all are compared with one outline.
    drawn = drawn.unflatten(0, (len(batch), -1)).transpose(0, 1)
    target = SilhouetteTarget.of(batch, drawn.shape[-1])
    error = (mask * target.mse(drawn) + mask_distance * target.mask_distance(drawn)).mT
    return error - error.gather(1, taken[:, None])


def camera_distance(predicted: Camera, batch: Batch) -> Float[Tensor, ""]:
    """One minus the cosine of the angle between the camera's direction and the known one."""
    if batch.truth is None:
        raise ValueError("batch.truth is None; only crops of procedural animals know their cameras")
    return (1 - (predicted.T_camera_world[:, 2, :3] * batch.truth.towards).sum(-1)).mean()
