"""A body fitted to the joints of one picture, which a file names: no photo, no model and no training is needed."""

import json
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, TypeAdapter, ValidationError

from models.core.config import Config
from models.core.errors import MissingWeights
from models.core.weights import locate
from models.export.asset import Asset
from models.export.body_asset import body_asset, withers_scale
from models.geometry.body import load_body
from models.methods import BodyFitter
from storage.store.errors import words
from tasks.runtime.devices import acquire_device

EXAMPLE = '{"width": 640, "height": 480, "joints": {"left_hip": [310, 240], "right_hip": [280, 241, 0.9]}}'
BODIES = "weights/bodies"
Point = Annotated[tuple[float, ...], Field(min_length=2, max_length=3)]


class PictureJoints(Config):
    """What a file of joints says."""

    width: float = Field(gt=0, description="pixels of the picture from left to right")
    height: float = Field(gt=0, description="pixels of the picture from top to bottom")
    joints: dict[str, Point]
    """Column and row of each joint by its name, and how far it is trusted, 0 to 1, if that is known."""


def read_joints(file: Path) -> PictureJoints:
    """Raises ValueError where the file is no JSON of that kind, with an example of one."""
    try:
        return TypeAdapter(PictureJoints).validate_python(json.loads(file.read_text("utf-8")))
    except (ValueError, ValidationError) as error:
        why = words(error) if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"{file}: is no file of joints ({why}); write one as {EXAMPLE}") from error


def fit_body_to_joints(file: Path, body_name: str, shoulder_height: float) -> tuple[Asset, float]:
    """The posed body as an asset, and how far its joints miss those of the file, as a share of their box.

    `body_name` is that of a folder in `weights/bodies`, or a path to one. Raises ValueError for joints that are not
    this body's, lie outside of the picture or are fewer than four; MissingWeights where there is no such body, naming
    those there are.
    """
    picture = read_joints(file)
    body = load_body(_find_body(body_name))
    with acquire_device("cpu"), torch.no_grad():
        fitter = BodyFitter.of(body)
        try:
            observed = fitter.observe(picture.joints, picture.width, picture.height)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        fit = fitter.fit(observed)
    scale = withers_scale(body, fit.shape, shoulder_height)
    return body_asset(body, fit.angles, fit.shape, file.stem, scale), float(fit.miss[0])


def _find_body(name: str) -> str:
    """The folder of a body."""
    known = sorted(file.parent.name for file in Path(locate(BODIES)).glob("*/body.safetensors"))
    if "/" not in name and name not in known:
        raise MissingWeights(f"body {name!r} is unknown; choose {', '.join(known)}, or give the path of a folder")
    return name if "/" in name else f"{BODIES}/{name}"
