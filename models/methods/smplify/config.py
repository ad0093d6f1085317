"""SMPLify (Bogo et al., ECCV 2016): a body is fitted to the landmarks of each photo; nothing is trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from models.core.config import Config
from models.core.errors import MissingWeights
from models.core.weights import digest, locate
from models.features.keypoint_reading import KeypointConfig
from models.features.vit import VitConfig
from models.geometry.body import ParametricBody, load_body
from models.geometry.skeleton import bone_names
from models.methods.base import Artifact, Needs, Setting, Stage
from models.methods.smplify.model import BodyFitter, FitConfig
from models.methods.smplify.reconstruction import SmplifyReconstructor


class BodiesConfig(Config):
    """Where the bodies are, one folder for each category."""

    model: str = Field(default="weights/bodies", description="folder with CATEGORY/body.safetensors")

    def digest(self) -> str:
        """Digest of all of them."""
        return digest(locate(self.model), None)

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where there is no such folder."""
        if not Path(locate(self.model)).is_dir():
            raise MissingWeights(f"{self.model}: is no folder of bodies; check out `weights` again")

    def build(self, device: torch.device) -> "Bodies":
        """They are read when they are asked for."""
        return Bodies(Path(locate(self.model)), self.digest())


class Bodies:
    """The bodies of a folder."""

    def __init__(self, folder: Path, digest: str) -> None:
        """The digest is that of the folder."""
        self.folder, self.digest = folder, digest

    def load(self, category: str) -> ParametricBody:
        """The body of a category. Raises MissingWeights where there is none, naming those there are."""
        file = self.folder / category / "body.safetensors"
        if not file.is_file():
            names = ", ".join(sorted(path.parent.name for path in self.folder.glob("*/body.safetensors")))
            raise MissingWeights(
                f"{self.folder}: has no body of {category}, but of {names}; make one with `python docs/bodies.py "
                f"{category}`, or take another method"
            )
        return load_body(str(file))


class SmplifyConfig(Config):
    """Landmarks read from the photo, and a body fitted to them."""

    kind: Literal["smplify"] = "smplify"
    vit: VitConfig = Field(default=VitConfig(), description="the frozen transformer that looks at the crops")
    keypoints: KeypointConfig = Field(default=KeypointConfig(), description="what reads landmarks from its tokens")
    bodies: BodiesConfig = Field(default=BodiesConfig(), description="what is fitted")
    fit: FitConfig = Field(default=FitConfig(), description="how it is fitted")
    size: int = Field(default=128, ge=32, description="pixels along an edge of the crops that are looked at")

    @property
    def needs(self) -> Needs:
        """Nothing but the photos to answer."""
        return Needs()

    @property
    def resolution(self) -> int:
        """That of the crops."""
        return self.size

    @property
    def parts(self) -> Mapping[str, Any]:
        """Transformer, reading and bodies."""
        return {"vit": self.vit, "keypoints": self.keypoints, "bodies": self.bodies}

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "SmplifyConfig":
        """The configuration at a scale, whoever made the photos; there is no start to leave out."""
        from models.methods.smplify.presets import PRESETS

        return cls(fit=PRESETS[scale])

    def stages(self) -> tuple[Stage, ...]:
        """None: it only fits."""
        return ()

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> SmplifyReconstructor:
        """The one answer there is, before and after.

        Raises MissingWeights where there is no body of the category, ValueError where it has another skeleton.
        """
        body = setting.load(self.bodies).load(setting.category.name)
        lacking = set(bone_names(setting.category.skeleton)) - set(body.joints)
        if lacking:
            raise ValueError(
                f"the body of {setting.category.name} is of another skeleton: it has no {min(lacking)}; "
                "make it again with docs/bodies.py, or mend the skeleton of the category"
            )
        vit, reading = setting.load(self.vit), setting.load(self.keypoints)
        reading.check_vit(vit)
        fitter = BodyFitter.of(body, self.fit)
        placed = body.to(setting.device)
        return SmplifyReconstructor(placed, fitter, reading, vit, setting.category.skeleton, setting.renderer)
