"""Which pixels of a photo show the surface that is drawn there, and not something beside, behind or in front of it."""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.spatial import KDTree

from models.geometry.smoothstep import smoothstep

EDGE = (0.003, 0.015)
"""Distances to the nearest outline, over the picture's side, between which the trust rises from 0 to 1."""
DEEP, AWAY = 0.06, 0.02
"""Distances to the mask's outline, over the picture's side, from which on a pixel surely is the animal, or not."""
COLORS = 1000
"""Pixels at most that stand for the colours of the animal, and for those of what is round it."""
ALIKE = 0.03
"""Colours that differ by less are alike."""
STRANGE = (0.1, 0.3)
"""Shares of the way from the surroundings' colours to the animal's between which the trust rises from 0 to 1."""


def trust_pixels(
    depth: Float[ndarray, "size size"],
    image: Float[ndarray, "size size 3"],
    animal: Bool[ndarray, "size size"],
    valid: Bool[ndarray, "size size"],
    step: float,
) -> Float[ndarray, "size size"]:
    """Trust in [0, 1] in the pixels of one photo, where a surface of this depth is drawn over the animal's mask.

    None at an outline: of the mask, of the surface, or of a part of it that stands more than `step` before another.
    None either for what has the colours of the animal's surroundings: masks hold what is seen between legs.
    """
    size = len(depth)
    surface = (depth > 0) & animal
    inside = np.asarray(distance_transform_edt(np.pad(surface & ~_steps(depth, step), 1)))[1:-1, 1:-1] / size
    trust = smoothstep(inside, *EDGE)
    depth_of_mask = np.asarray(distance_transform_edt(np.pad(animal, 1)))[1:-1, 1:-1] / size
    off_mask = np.asarray(distance_transform_edt(~animal)) / size if animal.any() else np.ones_like(inside)
    ours, others = image[depth_of_mask >= DEEP], image[valid & (off_mask >= AWAY)]
    doubtful = (trust > 0) & (depth_of_mask < DEEP)
    if len(ours) and len(others) and doubtful.any():
        like_ours, like_others = (_color_distance(part, image[doubtful]) + ALIKE for part in (ours, others))
        trust[doubtful] *= smoothstep(like_others / (like_ours + like_others), *STRANGE)
    return trust.astype(np.float32)


def _steps(depth: Float[ndarray, "size size"], step: float) -> Bool[ndarray, "size size"]:
    """Pixels beside which the depth jumps, on both sides of the jump."""
    jump = np.zeros(depth.shape, bool)
    across, down = (np.abs(np.diff(depth, axis=axis)) > step for axis in (1, 0))
    jump[:, 1:] |= across
    jump[:, :-1] |= across
    jump[1:] |= down
    jump[:-1] |= down
    return binary_dilation(jump)


def _color_distance(palette: Float[ndarray, "many 3"], colors: Float[ndarray, "pixels 3"]) -> Float[ndarray, " pixels"]:
    """Distance of each colour to the nearest of a palette, of which every so manieth is taken."""
    palette = palette[:: max(1, len(palette) // COLORS)]
    return np.asarray(KDTree(palette).query(colors)[0])
