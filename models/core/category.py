"""What is true of one kind of animal."""

import re
from string import Formatter
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from models.core.config import Config

View = Literal["front", "side", "back"]
VIEWS: tuple[View, ...] = ("front", "side", "back")
FIELDS = {"name", "view", "coat", "age", "action", "place"}
"""What a prompt may be made of."""


GROWN = "grown"
"""The age at which an animal is handed out where nobody asks for another."""


def fields(template: str) -> set[str]:
    """The names between the braces of a prompt template.

    Raises ValueError if its braces do not match.
    """
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def _equal(words: object) -> object:
    """A list as words of equal weight; what comes twice counts once."""
    return dict.fromkeys(words, 1.0) if isinstance(words, list | tuple) else words


Word = TypeVar("Word", bound=str)


def _useful(words: dict[Word, float]) -> dict[Word, float]:
    if not words or min(words.values()) < 0 or not sum(words.values()) > 0:
        raise ValueError(f"is {words}; give at least one word, no weight below 0 and one above")
    return words


class Skeleton(Config):
    """The heuristic skeleton of MagicPony (fidelity F24)."""

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


Weighted = Annotated[dict[str, float], BeforeValidator(_equal), AfterValidator(_useful)]
"""Words with how often each is wanted, relative to the others; a list gives all of them the same weight."""
TEMPLATE = "a {age} {coat} {name}, {view} view, {action} on {place}"
"""What the embedded teacher was trained on, where there is no age."""


ARTICLE = re.compile(r"\b([Aa])(?= (?!(?:eu|ew|u[bfkst][aeiou]|uni|one\b))[aeiou])")
"""An `a` before the sound of a vowel, as far as letters tell it: an ox, an urchin, a unicorn, a ewe."""


def _with_article(caption: str) -> str:
    """The caption with `an` where its next word wants it."""
    return ARTICLE.sub(r"\1n", caption)


class BarnyardTruth(Config):
    """Held-out animals of the barnyard simulator, with everything known about them."""

    kind: Literal["barnyard"] = "barnyard"


class FolderTruth(Config):
    """Photos in a folder; beside each as much of the truth as is known, in the files that `farm3d evaluate` reads."""

    kind: Literal["folder"] = "folder"
    folder: str = Field(description="path, from the folder of the category's file on")


class NoTruth(Config):
    """No animal whose shape or pose is known: a model is measured on generated photos alone."""

    kind: Literal["none"] = "none"


def _tagged(truth: object) -> object:
    """The short form `truth: barnyard`."""
    return {"kind": truth} if isinstance(truth, str) else truth


TruthConfig = Annotated[BarnyardTruth | FolderTruth | NoTruth, Field(discriminator="kind"), BeforeValidator(_tagged)]
"""What the models of a category are measured against."""


class Words(Config):
    """What a category's pictures are asked for with: all that a generated photo depends on."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="the word in every prompt; polar_bear is said as polar bear"
    )
    templates: Weighted = Field(default={TEMPLATE: 1.0}, description="prompts with {name}, {view} and more")
    views: dict[View, float] = Field(
        default={"front": 1.0, "side": 2.0, "back": 1.0}, description="how often each view"
    )
    coats: Weighted = Field(default={"brown": 1.0}, description="coat words for prompts")
    ages: Weighted = Field(default={"": 1.0}, description="age words for prompts; empty is none")
    actions: Weighted = Field(default={"standing": 1.0, "walking": 1.0}, description="action words for prompts")
    places: Weighted = Field(default={"grass": 1.0, "sand": 1.0, "snow": 1.0}, description="grounds for prompts")

    @field_validator("templates")
    @classmethod
    def _whole(cls, templates: dict[str, float]) -> dict[str, float]:
        for template in templates:
            used = fields(template)
            if not {"name", "view"} <= used <= FIELDS:
                raise ValueError(
                    f"is {template!r}; it has to hold {{name}} and {{view}}, and may hold "
                    f"{', '.join(f'{{{name}}}' for name in sorted(FIELDS - {'name', 'view'}))}"
                )
        return templates

    @field_validator("views")
    @classmethod
    def _seen(cls, views: dict[View, float]) -> dict[View, float]:
        return _useful(views)

    @property
    def spoken(self) -> str:
        """The name as prompts say it, which may be several words."""
        return self.name.replace("_", " ")

    def prompt(self, view: str, template: str = TEMPLATE, **words: str) -> str:
        """The full caption; words that are absent or empty leave no gap."""
        filled = template.format(name=self.spoken, view=view, **{"age": "", **words})
        return _with_article(" ".join(filled.split()))


class Category(Words):
    """One word, and what the pipeline must know about it."""

    segment_as: tuple[str, ...] = Field(min_length=1, description="COCO classes a segmenter may call it")
    skeleton: Skeleton = Skeleton()
    license: str = Field(default="CC0-1.0", description="licence of the published asset")
    shoulder_height_m: dict[str, tuple[float, float]] = Field(
        default={GROWN: (0.9, 1.1)}, description="least and most metres from ground to withers, by age"
    )
    truth: TruthConfig = Field(default=NoTruth(), description="what models of it are measured against")

    @field_validator("shoulder_height_m")
    @classmethod
    def _sizes(cls, heights: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        if GROWN not in heights:
            raise ValueError(f"has {', '.join(heights) or 'no age'}; say at least {GROWN}: [least, most]")
        for age, (least, most) in heights.items():
            if not 0 < least <= most:
                raise ValueError(f"of {age} is {least} to {most} m; give the least above 0, then the most")
        return heights

    def shoulder_height(self, age: str = GROWN) -> float:
        """Metres from the ground to the withers of an animal in the middle of its age.

        Raises ValueError for an age whose size nobody has said.
        """
        if age not in self.shoulder_height_m:
            known = " or ".join(self.shoulder_height_m)
            raise ValueError(
                f"age is {age!r}; give {known}, or say under shoulder_height_m how high {self.name} is then"
            )
        return sum(self.shoulder_height_m[age]) / 2

    @property
    def words(self) -> Words:
        """Its words alone: another skeleton or licence makes no photo anew."""
        return Words.model_validate(self.model_dump(include=set(Words.model_fields)))

    @property
    def without_truth(self) -> "Category":
        """All that a training depends on: what a model is measured against, and its size, make no other model."""
        size = Category.model_fields["shoulder_height_m"].default
        return self.model_copy(update={"truth": NoTruth(), "shoulder_height_m": size})
