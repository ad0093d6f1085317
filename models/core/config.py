"""The one base of every configuration."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen set of knobs; an unknown key is refused with its full path."""

    model_config = ConfigDict(frozen=True, extra="forbid")
