"""Ways to learn an animal from its crops. A method is a configuration that builds a table of terms."""

from typing import Annotated

from pydantic import Field

from models.methods.farm3d.config import Farm3DConfig
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.terms import Method, Step, Term

MethodConfig = Annotated[Farm3DConfig | MagicPonyConfig, Field(discriminator="kind")]

__all__ = ["Farm3DConfig", "MagicPonyConfig", "Method", "MethodConfig", "Step", "Term"]
