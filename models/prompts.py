"""What is asked of the generator: an endless, fixed sequence of prompts with seeds for every category."""

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from models.category import View, Words

ROUND: tuple[View, ...] = ("front", "side", "back", "side")
"""Half of all azimuths are a side view (`models.geometry.camera.VIEW_HALF_ANGLE`), a quarter each front and back."""


@dataclass(frozen=True)
class Request:
    """One photo to make."""

    prompt: str
    view: View
    coat: str
    action: str
    place: str
    seed: int


def requests(category: Words, first: int, count: int) -> list[Request]:
    """Numbers `first` to `first + count` of the category's sequence; it depends on nothing but the category's words."""
    return [_request(category, number) for number in range(first, first + count)]


def _request(category: Words, number: int) -> Request:
    words = Random(f"{category.name} {number}")
    view = ROUND[number % len(ROUND)]
    coat, action, place = (words.choice(each) for each in (category.coats, category.actions, category.places))
    # 31 bits, so that every generator takes it as a seed.
    seed = int.from_bytes(sha256(f"{category.name} {number}".encode()).digest()[:4], "big") >> 1
    return Request(category.prompt(view, coat, action, place), view, coat, action, place, seed)
