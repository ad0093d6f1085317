"""What is true of one kind of animal."""

from typing import Literal

from pydantic import Field, field_validator

from models.config import Config

View = Literal["front", "side", "back"]
VIEWS: tuple[View, ...] = ("front", "side", "back")


class Skeleton(Config):
    """The heuristic skeleton of MagicPony section 3.1."""

    body_bones: int = Field(default=8, ge=2, multiple_of=2, description="bones along the spine, half towards each end")
    legs: int = Field(default=4, description="0, 2 or 4; legs come in mirrored pairs of 3 bones")

    @field_validator("legs")
    @classmethod
    def _in_pairs(cls, legs: int) -> int:
        if legs not in (0, 2, 4):
            raise ValueError(f"is {legs}; legs come in mirrored pairs, give 0, 2 or 4")
        return legs

    @property
    def bones(self) -> int:
        """All bones: spine first, then three to a leg."""
        return self.body_bones + 3 * self.legs


class Words(Config):
    """What a category's pictures are asked for with: all that a generated photo depends on."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the word in every prompt")
    coats: tuple[str, ...] = Field(default=("brown",), min_length=1, description="coat words for prompts")
    actions: tuple[str, ...] = Field(
        default=("standing", "walking"), min_length=1, description="action words for prompts"
    )
    places: tuple[str, ...] = Field(default=("grass", "sand", "snow"), min_length=1, description="grounds for prompts")

    def prompt(self, view: View, coat: str, action: str, place: str) -> str:
        """The full caption: what the generator is asked for and the embedded teacher was trained on."""
        return f"a {coat} {self.name}, {view} view, {action} on {place}"

    def view_prompt(self, view: View) -> str:
        """The short caption that SDS uses for a virtual view."""
        return f"a {self.name}, {view} view"


class Category(Words):
    """One word, and what the pipeline must know about it."""

    segment_as: tuple[str, ...] = Field(min_length=1, description="COCO classes a segmenter may call it")
    skeleton: Skeleton = Skeleton()
    license: str = Field(default="CC0-1.0", description="licence of the published asset")

    @property
    def words(self) -> Words:
        """Its words alone: another skeleton or licence makes no photo anew."""
        return Words.model_validate(self.model_dump(include=set(Words.model_fields)))
