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
"""Distances to outlines, over the picture's side, from which on a pixel surely is the animal, or not."""
COLORS = 1000
"""Pixels at most that stand for the colours of the animal, and for those of what is round it."""
ALIKE = 0.03
"""Colours that differ by less are alike."""
REACH = 0.5
"""Difference in colour that counts as much as one side of the picture between two pixels."""
STRANGE, MISSED = (0.1, 0.3), (0.4, 0.6)
"""Shares of the way from the surroundings' colours to the animal's between which the trust rises from 0 to 1: of pixels
in the mask, and of those that the mask lacks."""


def trust_pixels(
    depth: Float[ndarray, "size size"],
    image: Float[ndarray, "size size 3"],
    animal: Bool[ndarray, "size size"],
    valid: Bool[ndarray, "size size"],
    step: float,
) -> Float[ndarray, "size size"]:
    """Trust in [0, 1] in the pixels of one photo, where a surface of this depth is drawn.

    None at an outline: of what shows the animal, of the surface, or of a part of it that stands more than `step` before
    another. None either for what has the colours of the animal's surroundings near by: masks hold what is seen between
    legs. They lack white bellies and chests, too: what is drawn off the mask and has the animal's colours is trusted.
    """
    size, surface = len(depth), depth > 0
    alike = _likeness(surface, image, animal, valid)
    shown = surface & (animal | (alike > 0.5)) & ~_steps(depth, step)
    inside = np.asarray(distance_transform_edt(np.pad(shown, 1)))[1:-1, 1:-1] / size
    return (smoothstep(inside, *EDGE) * alike).astype(np.float32)


def _likeness(
    surface: Bool[ndarray, "size size"],
    image: Float[ndarray, "size size 3"],
    animal: Bool[ndarray, "size size"],
    valid: Bool[ndarray, "size size"],
) -> Float[ndarray, "size size"]:
    """From 0 to 1 how surely each pixel is no part of the surroundings, by its colour where it is near an outline."""
    size = len(image)
    alike = animal.astype(float)
    depth_of_mask = np.asarray(distance_transform_edt(np.pad(animal, 1)))[1:-1, 1:-1] / size
    off = np.asarray(distance_transform_edt(~(animal | surface))) / size
    rows, columns = np.mgrid[:size, :size] * (REACH / size)
    placed = np.concatenate((image, rows[..., None], columns[..., None]), -1)
    ours, others = image[depth_of_mask >= DEEP], placed[valid & (off >= AWAY)]
    doubtful = surface & valid & (depth_of_mask < DEEP)
    if len(ours) and len(others) and doubtful.any():
        like_ours = _distance(ours, image[doubtful]) + ALIKE
        like_others = _distance(others, placed[doubtful]) + ALIKE
        share = like_others / (like_ours + like_others)
        within = animal[doubtful]
        alike[doubtful] = np.where(within, smoothstep(share, *STRANGE), smoothstep(share, *MISSED))
    return alike


def _steps(depth: Float[ndarray, "size size"], step: float) -> Bool[ndarray, "size size"]:
    """Pixels beside which the depth jumps, on both sides of the jump."""
    jump = np.zeros(depth.shape, bool)
    across, down = (np.abs(np.diff(depth, axis=axis)) > step for axis in (1, 0))
    jump[:, 1:] |= across
    jump[:, :-1] |= across
    jump[1:] |= down
    jump[:-1] |= down
    return binary_dilation(jump)


def _distance(
    palette: Float[ndarray, "many channels"], pixels: Float[ndarray, "pixels channels"]
) -> Float[ndarray, " pixels"]:
    """Distance of each pixel to the nearest of a palette, of which every so manieth is taken."""
    palette = palette[:: max(1, len(palette) // COLORS)]
    return np.asarray(KDTree(palette).query(pixels)[0])
