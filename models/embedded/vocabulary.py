"""The teacher's CLIP tokenizer: a byte-level BPE in which every word of our captions is one token."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 24
"""Tokens of a caption, with start, end and padding."""


def write_vocabulary(words: Iterable[str], folder: Path) -> None:
    """`vocab.json` and `merges.txt` as CLIP has them; other words fall apart into bytes and known pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = _merges(sorted(set(words)))
    letters = sorted(_byte_letters())
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "bos_token": START, "eos_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": END, "unk_token": END}))


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """The most frequent neighbours, one after the other, until every word is whole (Sennrich et al. 2016)."""
    split = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while pairs := Counter(pair for pieces in split for pair in zip(pieces, pieces[1:], strict=False)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = [list(_join(pieces, best)) for pieces in split]
    return merges


def _join(pieces: list[str], pair: tuple[str, str]) -> Iterator[str]:
    place = 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            yield "".join(pair)
            place += 2
        else:
            yield pieces[place]
            place += 1


def _byte_letters() -> list[str]:
    """One printable letter for each byte: itself where it is visible, else one from U+0100 on (GPT-2)."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + place) for place in range(len(hidden))]
