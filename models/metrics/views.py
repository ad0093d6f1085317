"""Viewpoint, novel views and new light (fidelity F56), compared in the frame of a crop (F4)."""

from math import pi

import numpy as np
from jaxtyping import Bool, Float


def azimuth_error(ours: float, theirs: float) -> float:
    """The angle between two directions about +y, in [0, pi]."""
    return abs((ours - theirs + pi) % (2 * pi) - pi)


def same_quadrant(ours: float, theirs: float) -> bool:
    """Whether both see the same one of head-left, head-right, tail-right, tail-left: MagicPony's four hypotheses."""
    return int(ours % (2 * pi) // (pi / 2)) == int(theirs % (2 * pi) // (pi / 2))


def masked_psnr(
    ours: Float[np.ndarray, "height width 3"],
    theirs: Float[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
) -> float:
    """Peak signal-to-noise ratio in dB over the mask; values are clipped to [0, 1]; nan for an empty mask."""
    if not mask.any():
        return float("nan")
    error = np.square(ours.clip(0, 1) - theirs.clip(0, 1))[mask].mean()
    return float(-10 * np.log10(max(error, 1e-10)))


def colour_error(
    ours: Float[np.ndarray, "height width 3"],
    theirs: Float[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
) -> float:
    """Mean CIE76 difference (Euclidean in CIE L*a*b*, D65) of sRGB pictures over the mask; nan for an empty mask.

    About 2.3 can just be noticed; black and white are 100 apart.
    """
    from skimage.color import rgb2lab

    if not mask.any():
        return float("nan")
    # A picture of one row: only pixels under the mask are converted.
    lab = [rgb2lab(picture.clip(0, 1)[mask][None]) for picture in (ours, theirs)]
    return float(np.linalg.norm(lab[0] - lab[1], axis=-1).mean())


def relighting_error(
    ours: Float[np.ndarray, "height width 3"],
    theirs: Float[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
) -> float:
    """Root mean square over the mask after the best gain per picture; nan for an empty mask.

    The gain is free because albedo and light can only be known up to a common factor.
    """
    if not mask.any():
        return float("nan")
    a, b = ours[mask].ravel(), theirs[mask].ravel()
    gain = float(a @ b) / max(float(a @ a), 1e-8)
    return float(np.sqrt(np.square(gain * a - b).mean()))
