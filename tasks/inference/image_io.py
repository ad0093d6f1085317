"""Somebody's own pictures, as they come: turned by a camera's note, grey, 16 bit deep, with or without a mask."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
MASK = ".mask.png"
DEEP = 257
"""Between a step of 16 bits and one of 8."""


def list_images(folder: Path) -> list[Path]:
    """The pictures in a folder and its sub-folders that are no masks, by name.

    Raises ValueError if there is none.
    """
    files = [path for path in _shown(folder) if path.suffix.lower() in PICTURES]
    if not files:
        raise ValueError(f"{folder}: has no picture; give a folder with files that end in {', '.join(PICTURES)}")
    return files


def list_other_files(folder: Path) -> list[Path]:
    """The files in a folder and its sub-folders that are neither pictures nor masks, by name."""
    return [path for path in _shown(folder) if path.is_file() and path.suffix.lower() not in PICTURES]


def load_image(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture as RGB (height, width, 3), upright, white where it is transparent; and its mask, true on the animal.

    The mask is NAME.mask.png, else where a picture is not transparent, else None.

    Raises ValueError if the file is no picture, or its mask is empty or of another size.
    """
    picture, mask = _upright(path), None
    if "A" in picture.getbands():
        alpha = np.array(picture.getchannel("A")) > 127
        mask = None if alpha.all() else alpha
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    beside = path.with_name(path.stem + MASK)
    if beside.exists():
        mask = np.array(_upright(beside).convert("L")) > 127
    if mask is not None:
        _check(mask, picture, beside if beside.exists() else path)
    return np.array(picture.convert("RGB")), mask


def _shown(folder: Path) -> list[Path]:
    files = (path for path in folder.glob("**/*") if not path.name.endswith(MASK))
    return sorted(path for path in files if not any(part[0] == "." for part in path.relative_to(folder).parts))


def _check(mask: np.ndarray, picture: Image.Image, where: Path) -> None:
    if mask.shape != picture.size[::-1]:
        raise ValueError(
            f"{where}: is {mask.shape[1]} x {mask.shape[0]} px, its photo {picture.width} x {picture.height}; resize it"
        )
    if not mask.any():
        raise ValueError(f"{where}: the mask is empty; paint the animal white, or take the mask away")


def _upright(path: Path) -> Image.Image:
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a picture; give a JPEG, PNG or WebP file") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: is too large ({error}); make it smaller than {Image.MAX_IMAGE_PIXELS} px") from error
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) // DEEP).astype(np.uint8))
    return picture.convert("RGBA") if picture.mode in ("P", "LA", "PA") and picture.has_transparency_data else picture
