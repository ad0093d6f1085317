"""Prompts and seeds for the generator: an endless, fixed sequence for every category.

The words follow a Halton sequence, one prime base for each kind of word: any run of it, however short, has nearly the
mix that the weights ask for, in every combination. It depends on the category's words alone, so a longer data set
begins with a shorter one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from models.core.category import View, Words, fields

BASES = {"coat": 3, "action": 5, "place": 7, "age": 11, "template": 13}
"""Views have base 2: with weights 1, 2, 1 any four in a row are a front, a back and two sides."""


Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Request:
    """One photo to make. A word that its template does not use is empty."""

    prompt: str
    view: View
    coat: str
    age: str
    action: str
    place: str
    seed: int


def requests(category: Words, first: int, count: int) -> list[Request]:
    """Numbers `first` to `first + count` of the category's sequence; it depends on nothing but the category's words."""
    return [_request(category, number) for number in range(first, first + count)]


def target_shares(category: Words) -> dict[str, dict[str, float]]:
    """The share of every word of every kind that the weights ask for; what a template leaves out is an empty word."""
    targets: dict[str, dict[str, float]] = {"view": _shares(category.views)}
    for kind, weights in _kinds(category).items():
        shares = dict.fromkeys(weights, 0.0)
        for template, part in _shares(category.templates).items():
            for word, share in (_shares(weights) if kind in fields(template) else {"": 1.0}).items():
                shares[word] = shares.get(word, 0.0) + part * share
        targets[kind] = shares
    return targets


def _kinds(category: Words) -> dict[str, dict[str, float]]:
    return {"coat": category.coats, "age": category.ages, "action": category.actions, "place": category.places}


def _shares(weights: Mapping[Word, float]) -> dict[str, float]:
    return {word: weight / sum(weights.values()) for word, weight in weights.items()}


def _request(category: Words, number: int) -> Request:
    template = _pick_word(category.templates, _sequence_value(category, "template", number))
    used = fields(template)
    words = {
        kind: _pick_word(weights, _sequence_value(category, kind, number)) if kind in used else ""
        for kind, weights in _kinds(category).items()
    }
    view = _pick_word(category.views, _van_der_corput(number, 2))
    # 31 bits, so that every generator takes it as a seed.
    seed = _hash(f"{category.name} {number}") >> 1
    return Request(category.prompt(view, template, **words), view, **words, seed=seed)


def _pick_word(weights: Mapping[Word, float], position: float) -> Word:
    """The word on whose stretch of the unit interval the position lies; stretches are as long as the weights."""
    left = position * sum(weights.values())
    for word, weight in weights.items():
        left -= weight
        if left < 0:
            return word
    return max(weights, key=lambda word: weights[word])


def _sequence_value(category: Words, kind: str, number: int) -> float:
    """A member of the sequence of this kind, shifted so that two categories do not have the same words in step."""
    return (_van_der_corput(number, BASES[kind]) + _hash(f"{category.name} {kind}") / 2**32) % 1


def _van_der_corput(number: int, base: int) -> float:
    """The digits of the number behind the point, the last one first (van der Corput)."""
    value, unit = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        unit /= base
        value += digit * unit
    return value


def _hash(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")
