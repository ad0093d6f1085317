"""The one base of every configuration."""

import re

from pydantic import BaseModel, ConfigDict
from pydantic.fields import ComputedFieldInfo, FieldInfo


def name_field(name: str, field: FieldInfo | ComputedFieldInfo) -> str:
    """What a form calls a knob: its name in words. pydantic gives none to a part, which a form then calls "Field"."""
    return name.replace("_", " ")


def name_part(model: type) -> str:
    """What a form calls a part: the words of its class, as "Stable Diffusion" for `StableDiffusionConfig`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", re.sub("(Config|Changes)$", "", model.__name__))


class Config(BaseModel):
    """A frozen set of knobs; an unknown key is refused with its full path."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", field_title_generator=name_field, model_title_generator=name_part
    )
