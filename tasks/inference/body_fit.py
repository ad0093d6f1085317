"""A body fitted to the joints of one picture, which a file names: no photo, no model and no training is needed."""

import json
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, TypeAdapter, ValidationError

from models.core.config import Config
from models.core.errors import MissingWeights
from models.core.weights import REPOSITORY, locate
from models.export.asset import Asset
from models.export.body_asset import body_asset, withers_scale
from models.geometry.body import load_body
from models.methods import BodyFitter
from storage.store.errors import words
from tasks.runtime.devices import acquire_device

EXAMPLE = '{"width": 640, "height": 480, "joints": {"left_hip": [310, 240], "right_hip": [280, 241, 0.9]}}'
BODIES, BODY = "weights/bodies", "body.safetensors"
"""Where bodies ship, and the file of one."""
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

    `body_name` is that of a folder in `weights/bodies`, or a path to one; the command's option is `--body`. Raises
    ValueError for joints that are not this body's, lie outside of the picture or are fewer than four; MissingWeights
    where there is no such body, naming those there are.
    """
    picture = read_joints(file)
    body = load_body(_find_body(body_name))
    with acquire_device("cpu"), torch.no_grad():
        fitter = BodyFitter.of(body)
        try:
            observed = fitter.observe(picture.joints, picture.width, picture.height)
        except ValueError as error:
            is_other = not set(picture.joints) <= set(body.landmarks)
            remedy = f"; --body is {body_name}, give that of the joints" if is_other else ""
            raise ValueError(f"{file}: {error}{remedy}") from error
        fit = fitter.fit(observed)
    scale = withers_scale(body, fit.shape, shoulder_height)
    return body_asset(body, fit.angles, fit.shape, file.stem, scale), float(fit.miss[0])


def known_bodies() -> list[str]:
    """Names of the bodies that ship."""
    return sorted(file.parent.name for file in Path(locate(BODIES)).glob(f"*/{BODY}"))


def _find_body(name: str) -> str:
    """The folder or file of a body."""
    *others, last = known_bodies()
    if name in (*others, last):
        return f"{BODIES}/{name}"
    file = Path(name) if name.endswith(".safetensors") else Path(name, BODY)
    if not any((place / file).is_file() for place in (Path(), REPOSITORY)):
        choice = f"give {', '.join(others)} or {last}, or the path of a folder with {BODY}"
        raise MissingWeights(f"--body {name}: there is no such body; {choice}")
    return name
