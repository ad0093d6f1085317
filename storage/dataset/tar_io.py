"""The tar of a shard, `<key>.<extension>` by `<key>.<extension>`: written as a stream, and its members found again.

Nothing is ever unpacked to disk or decoded by its name alone: a tar may come from a stranger.
"""

import io
import re
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256

from storage.store.errors import REMEDY, CorruptArtifact, words

EXTENSION = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
NAME = re.compile(rf"(?P<key>[a-z0-9][a-z0-9_-]*)\.(?P<extension>{EXTENSION.pattern})")
LARGEST = 64 << 20
"""Bytes of one member; a 512 px photo has 0.3 MB, eight rendered views of it 4 MB."""
Positions = dict[str, tuple[int, int]]
"""Offset and size of every member, by its name."""


class TarStream:
    """Keys and their members as a tar that WebDataset reads: the same members, the same bytes.

    Going through it, once, makes it member by member, each digested while it is in the processor's cache.
    """

    def __init__(self, samples: Iterable[tuple[str, Mapping[str, bytes]]], where: str) -> None:
        """A tar that is going to lie at `where`."""
        self.samples, self.where = samples, where
        self.positions, self.size = Positions(), 0
        self.extensions: set[str] = set()
        self.sha256 = sha256()

    def __iter__(self) -> Iterator[bytes]:
        """Its pieces. Raises ValueError at the first member that `member_positions` would refuse to find."""
        for key, members in self.samples:
            self.extensions |= members.keys()
            for extension, data in sorted(members.items()):
                member = _member(f"{key}.{extension}", len(data))
                if wrong := _wrong(member, self.positions, self.extensions):
                    raise ValueError(
                        f"{self.where}: member {member.name!r} {wrong}; give a sample that can be read again"
                    )
                self.positions[member.name] = (self.size + tarfile.BLOCKSIZE, len(data))
                yield self._counted(member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE))
        end = 2 * tarfile.BLOCKSIZE
        yield self._counted(bytes(end + -(self.size + end) % tarfile.RECORDSIZE))

    def _counted(self, piece: bytes) -> bytes:
        self.sha256.update(piece)
        self.size += len(piece)
        return piece


def member_positions(data: bytes, extensions: Collection[str], where: str) -> Positions:
    """Offset and size of every member of a tar whose manifest declares these extensions.

    Raises CorruptArtifact at the first member that is no plain file of a sample, or is not declared.
    """
    positions = Positions()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if wrong := _wrong(member, positions, extensions):
                    raise CorruptArtifact(where, f"member {member.name!r} {wrong}", REMEDY)
                positions[member.name] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise CorruptArtifact(where, f"is no whole tar ({words(error)})", REMEDY) from error
    return positions


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A header that says nothing of who wrote it, and when."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, 0o444, "farm3d", "farm3d"
    return member


def _wrong(member: tarfile.TarInfo, earlier: Positions, extensions: Collection[str]) -> str | None:
    if not member.isreg() or member.issparse():
        return "is a link, a folder or a device, not a plain file"
    name = NAME.fullmatch(member.name)
    if not name or name["extension"] not in extensions:
        return f"has another name than <key>.{{{', '.join(sorted(extensions))}}} without folders"
    if not 0 <= member.size <= LARGEST:
        return f"has {member.size} bytes, not 0 to {LARGEST}"
    return "comes twice" if member.name in earlier else None
