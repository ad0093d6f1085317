"""Pages: the lists of snapshots in pieces, each in a file that is named after its contents.

A snapshot that adds to another one names the same pages but for the last ones, so all snapshots together grow with what
was added. A page is written before the first snapshot that names it, and once: equal pieces have equal names.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from storage.dataset.records import SnapshotShard
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.mirror import Mirrored

SHARDS, PAIRS = 32, 64
"""The most entries of a page."""
REMEDY = "type `farm3d verify --repair`, or run the dataset flow again"
_ALIKE = {"stage", "digest", "index"}
"""What a page does not say of a shard: it is the same of all shards of a snapshot, or the shard's name in the page."""
_PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Pages:
    """The pages of a category."""

    def __init__(self, root: str, category: str) -> None:
        """Makes nothing until the first page is written."""
        self.root, self.category = root, category

    def write_shards(self, shards: Sequence[SnapshotShard]) -> tuple[str, ...]:
        """Digests of the pages with these shards of one recipe, which are there now."""
        return tuple(
            self.write_plain({str(shard.index): shard.model_dump(mode="json", exclude=_ALIKE) for shard in piece})
            for piece in _pieces(shards, SHARDS)
        )

    def write_pairs(self, pairs: dict[str, str]) -> tuple[str, ...]:
        """Digests of the pages with these pairs, in their order."""
        return tuple(self.write_plain(dict(piece)) for piece in _pieces(list(pairs.items()), PAIRS))

    def write_plain(self, value: dict[str, Any]) -> str:
        """Digest of the page with this plain JSON."""
        data = json.dumps(value, separators=(",", ":")).encode()
        digest = _digest(data)
        self.stored(digest).write(data)
        return digest

    def shards(self, digests: Sequence[str], recipe: str) -> tuple[SnapshotShard, ...]:
        """The shards of a recipe in these pages.

        Raises CorruptArtifact if neither a page nor its copy can be read.
        """
        return tuple(shard for digest in digests for shard in _read_shards(*self.stored(digest).urls, digest, recipe))

    def plain(self, *digests: str) -> dict[str, Any]:
        """The plain JSON in these pages, as one."""
        contents = (_read_plain(*self.stored(digest).urls, digest) for digest in digests)
        return {name: value for content in contents for name, value in content.items()}

    def digests(self) -> list[str]:
        """All pages that there are, or copies of them."""
        folder = layout.pages(self.root, self.category)
        folders = (folder, layout.copy(self.root, self.category, folder))
        return sorted({name.removesuffix(".json") for folder in folders for name in files.names(folder)})

    def stored(self, digest: str) -> Mirrored[bytes]:
        """A page and its copy."""
        where = layout.page(self.root, self.category, digest)
        return _stored(where, layout.copy(self.root, self.category, where), digest)


def _pieces(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (entries[first : first + size] for first in range(0, len(entries), size))


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:32]


def _stored(where: str, copy: str, digest: str) -> Mirrored[bytes]:
    def check(data: bytes) -> bytes:
        if _digest(data) != digest:
            raise CorruptArtifact(where, f"has sha256 {_digest(data)}", REMEDY)
        return data

    return Mirrored(where, copy, check)


@lru_cache(maxsize=1024)
def _read_shards(where: str, copy: str, digest: str, recipe: str) -> tuple[SnapshotShard, ...]:
    entries = _read_plain(where, copy, digest).items()
    alike = {"stage": "curated", "digest": recipe}
    return tuple(SnapshotShard.model_validate({"index": int(index), **alike, **entry}) for index, entry in entries)


@lru_cache(maxsize=1024)
def _read_plain(where: str, copy: str, digest: str) -> dict[str, Any]:
    try:
        return _PLAIN.validate_json(_stored(where, copy, digest).read())
    except MissingArtifact as error:
        raise CorruptArtifact(where, "is gone, and its copy too", REMEDY) from error
