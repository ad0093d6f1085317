"""Somebody's own pictures, as they come: turned by a camera's note, grey, 16 bit deep, with or without a mask."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
MASK = ".mask.png"
DEEP = 257
"""Between a step of 16 bits and one of 8."""


def pictures(folder: Path) -> list[Path]:
    """The pictures in a folder that are no masks, by name.

    Raises ValueError if there is none.
    """
    found = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.endswith(MASK)
    )
    if not found:
        raise ValueError(f"{folder}: has no picture; give a folder with files that end in {', '.join(PICTURES)}")
    return found


def opened(path: Path) -> np.ndarray:
    """A picture as RGB (height, width, 3), upright; what is transparent becomes white.

    Raises ValueError if it is none.
    """
    picture = _upright(path)
    if "A" in picture.getbands():
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))


def known_mask(path: Path) -> np.ndarray | None:
    """True on the animal: from NAME.mask.png, else where a picture is not transparent; None where nobody says.

    Raises ValueError if it is empty or not as large as its picture.
    """
    beside, picture = path.with_name(path.stem + MASK), _upright(path)
    if beside.exists():
        mask, where = opened(beside).mean(-1) > 127, beside
    elif "A" in picture.getbands():
        mask, where = np.array(picture.getchannel("A")) > 127, path
        if mask.all():
            return None
    else:
        return None
    if mask.shape != picture.size[::-1]:
        raise ValueError(
            f"{where}: is {mask.shape[1]} x {mask.shape[0]} px, its photo {picture.width} x {picture.height}; resize it"
        )
    if not mask.any():
        raise ValueError(f"{where}: the mask is empty; paint the animal white, or take the mask away")
    return mask


def _upright(path: Path) -> Image.Image:
    try:
        picture = ImageOps.exif_transpose(Image.open(path))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a picture; give a JPEG, PNG or WebP file") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: is too large ({error}); make it smaller than {Image.MAX_IMAGE_PIXELS} px") from error
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) // DEEP).astype(np.uint8))
    return picture.convert("RGBA") if picture.mode in ("P", "LA", "PA") and picture.has_transparency_data else picture
