"""Ways to get an animal from photos: one folder each, one member of the union each."""

from typing import Annotated, get_args

from pydantic import Field

from models.methods.farm3d.config import Farm3DConfig
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.pretraining.quadruped import QuadrupedTraining
from models.methods.meshinversion.config import MeshInversionConfig
from models.methods.meshrcnn.config import MeshRcnnConfig
from models.methods.smplify.config import SmplifyConfig
from models.methods.smplify.model import BodyFitter

MethodConfig = Annotated[
    Farm3DConfig | MagicPonyConfig | SmplifyConfig | MeshRcnnConfig | MeshInversionConfig, Field(discriminator="kind")
]
"""To add a method, add its configuration here."""
Pretraining = QuadrupedTraining
"""What makes the weights that a category starts from."""


def methods() -> dict[str, type[MethodConfig]]:
    """The members of the union by their tags."""
    union, *_ = get_args(MethodConfig)
    return {member.model_fields["kind"].default: member for member in get_args(union)}


__all__ = [
    "BodyFitter",
    "Farm3DConfig",
    "MagicPonyConfig",
    "MeshInversionConfig",
    "MeshRcnnConfig",
    "MethodConfig",
    "Pretraining",
    "SmplifyConfig",
    "methods",
]
