"""A quadruped that was learnt before, for a category to go on from, as the papers make cows out of horses."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from models.core.config import Config
from models.core.errors import MissingWeights
from models.core.hub import check_files
from models.core.schedule import Share
from models.core.weights import check_digest, digest, locate, replace_folder, report_missing_weights
from models.features import Pca
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.prior import PriorConfig
from models.methods.magicpony.pretraining.silhouette_fitting import SilhouetteFitting


class FromNothing(Config):
    """Random weights, and directions of the data set's own features."""

    kind: Literal["nothing"] = "nothing"
    begin: ClassVar[float] = 0.0
    kept: ClassVar[float] = 0.0
    silhouettes: ClassVar[SilhouetteFitting] = SilhouetteFitting()

    def digest(self) -> str:
        """There are no weights."""
        return ""

    def check_available(self, device: str) -> None:
        """Nothing is needed."""

    def load(self, animal: Animal) -> None:
        """Leave it as it is."""

    def pca(self) -> None:
        """There are none yet."""


class WarmStart(Config):
    """Which quadruped, and how far it has come."""

    kind: Literal["quadruped"] = "quadruped"
    model: str = Field(
        default="weights/quadruped", description="folder with animal.safetensors, pca.safetensors and config.json"
    )
    begin: Share = Field(
        default=0.97,
        description="schedule position to start from (0-1); starting late keeps learning rates low when fine-tuning",
    )
    kept: Share = Field(
        default=0.0,
        description="share of the start in what answers at the end, the mean of both, weight by weight "
        "(Wortsman et al. 2022); 0 for the trained weights alone",
    )
    silhouettes: SilhouetteFitting = Field(
        default=SilhouetteFitting(), description="fitting to the category's masks, before the training"
    )

    def digest(self) -> str:
        """What the weights are, by the bytes of their files."""
        return digest(locate(self.model), None)

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where the folder is absent or lacks a file."""
        check_files(self.model, "animal.safetensors", "pca.safetensors", "config.json")

    def load(self, animal: Animal) -> None:
        """Put its weights into `animal`.

        Raises MissingWeights where they are absent, broken or taught with another transformer than the animal's,
        ValueError where they have other sizes or add to another first shape.
        """
        from safetensors.torch import load_file

        folder = Path(locate(self.model))
        with report_missing_weights(str(folder), "the quadruped"):
            said = json.loads((folder / "config.json").read_text())
        _check_vit(folder, said, animal.tokens.vit.digest)
        _check_first_shape(folder, said, animal.config.prior)
        with report_missing_weights(str(folder), "the quadruped"):
            weights = load_file(folder / "animal.safetensors")
        for name, wanted in animal.state_dict().items():
            if name not in weights or weights[name].shape != wanted.shape:
                found = tuple(weights[name].shape) if name in weights else "absent"
                raise ValueError(
                    f"{folder}: {name} is {found}, this animal needs {tuple(wanted.shape)}; "
                    'leave the sizes of `animal` alone or set warm_start to {"kind": "nothing"}'
                )
        animal.load_state_dict({name: weights[name].to(wanted.dtype) for name, wanted in animal.state_dict().items()})

    def pca(self) -> Pca:
        """The directions that its feature field was learnt in."""
        from safetensors.torch import load_file

        folder = Path(locate(self.model))
        with report_missing_weights(str(folder), "the quadruped"):
            return Pca(**load_file(folder / "pca.safetensors"))


def _check_vit(folder: Path, said: Mapping[str, Any], found: str) -> None:
    """Raises MissingWeights where the quadruped in the folder reads the tokens of another transformer."""
    if "vit" not in said:
        raise MissingWeights(f"{folder}/config.json does not name its ViT by digest; run the flow `barnyard` again")
    remedy = "put back the ViT of that digest, or teach the quadruped anew with the flow `barnyard`"
    check_digest("the ViT of this run", found, f"the quadruped in {folder}", said["vit"], remedy)


def _check_first_shape(folder: Path, said: Mapping[str, Any], ours: PriorConfig) -> None:
    """Raises ValueError where the distance field was learnt on top of another shape than the animal's."""
    with report_missing_weights(str(folder), "the quadruped"):
        prior = said["animal"]["prior"]
    taught = PriorConfig.model_validate(prior)
    for name in ("first", "radius", "stretch"):
        if (wanted := getattr(taught, name)) != (found := getattr(ours, name)):
            raise ValueError(
                f"{folder}: was learnt with animal.prior.{name} {wanted!r}, and this animal has {found!r}; "
                'leave it alone or set warm_start to {"kind": "nothing"}'
            )


Start = Annotated[FromNothing | WarmStart, Field(discriminator="kind")]


def write(folder: Path, animal: Animal, pca: Pca, told: Sequence[str] = ()) -> None:
    """A folder that `WarmStart` loads; it names the transformer and the species that the animal was taught with."""
    from safetensors.torch import save_file

    half = {name: value.half() if value.is_floating_point() else value for name, value in animal.state_dict().items()}
    with replace_folder(folder) as place:
        save_file({name: value.contiguous() for name, value in half.items()}, place / "animal.safetensors")
        save_file({"mean": pca.mean.contiguous(), "directions": pca.directions.contiguous()}, place / "pca.safetensors")
        settings = {
            "vit": animal.tokens.vit.digest,
            "told": list(told),
            "animal": animal.config.model_dump(mode="json"),
        }
        (place / "config.json").write_text(json.dumps(settings, indent=1))
