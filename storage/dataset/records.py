"""What is written down about samples, shards and snapshots."""

from collections import Counter
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field

from storage.store.references import Name, Record, Sha256, Stage, digest
from storage.store.versions import Versioned

Split = Literal["train", "validation"]
PageDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""The first half of the sha256 of a page."""

VALIDATION_SHARE = 0.1
NEAR = "near duplicate"
"""The reason that a snapshot drops a sample for; its shard kept it."""


class SampleRow(Record):
    """One attempted sample, kept or not: how it was made, what was measured, and where its bytes lie."""

    key: Name
    category: Name
    prompt: str
    view: str = ""
    coat: str = ""
    age: str = ""
    action: str = ""
    place: str = ""
    seed: int
    sampler: str = ""
    steps: int = 0
    guidance: float = 0.0
    negative_prompt: str = Field(default="", description="what the photo was guided away from")
    model: str = Field(description="id of the generator's weights")
    model_digest: str = Field(description="revision or digest of the generator's weights")
    photo_width: int = Field(ge=0, description="pixels of the photo; 0 where there is none to see")
    photo_height: int = Field(ge=0)
    box: tuple[int, int, int, int] | None = Field(
        default=None,
        description="crop in photo pixels as x, y, width, height; may reach outside; None is the whole photo",
    )
    scores: dict[str, float] = Field(default={}, description="what the filters and the segmenter measured")
    kept: bool = True
    reason: str = Field(default="", description="why it was dropped, one to three words")
    split: Split = "train"
    sha256: str = Field(default="", description="of the stored image; empty where none is stored")
    phash: str = Field(default="", description="perceptual hash of the stored crop, 16 hex letters")
    width: int = Field(default=0, description="pixels of the stored image")
    height: int = 0
    parts: dict[str, tuple[int, int]] = Field(
        default={}, description="its columns in the tar, as extension: offset and size in bytes; empty if not stored"
    )


class ShardManifest(Versioned):
    """What commits a shard: the recipe, the counts, and the contents of its two files."""

    category: Name
    stage: Stage
    digest: Name
    index: int
    config: dict[str, Any] = Field(description="the whole recipe, for whoever asks how it was made")
    made_from: str = Field(default="", description="sha256 of the tar of its parent: of crops the photos, and so on")
    code: str = Field(default="", description="revision of the code that made it")
    rows: int = Field(description="samples attempted")
    stored: int = Field(description="samples in the tar")
    columns: tuple[str, ...] = Field(description="extensions of the members of the tar; there are no others")
    kept: int = Field(description="samples that go on")
    reasons: dict[str, int] = Field(description="dropped samples by reason")
    tar_bytes: int
    tar_sha256: Sha256
    table_bytes: int
    table_sha256: Sha256


class SnapshotShard(Record):
    """One shard as a snapshot pins it."""

    stage: Stage
    digest: Name
    index: int
    rows: int
    kept: int
    reasons: dict[str, int]
    tar_bytes: int
    tar_sha256: Sha256
    table_sha256: Sha256


class Duplicates(Record):
    """Samples that a snapshot leaves out of its shards."""

    config: dict[str, Any] = Field(default={}, description="the recipe of the comparison")
    resembles: dict[str, str] = Field(default={}, description="key of what is left out: key of what it resembles")


class SnapshotFile(Versioned):
    """The file of a snapshot. Its lists lie in pages that it shares with other snapshots, named by their contents."""

    id: int = Field(ge=1)
    category: Name
    parent: int | None
    digest: Name
    recipe: PageDigest = Field(description="page with the recipe")
    shards: tuple[PageDigest, ...] = Field(description="pages with shards, in their order")
    comparison: PageDigest = Field(description="page with the recipe of the comparison")
    resembles: tuple[PageDigest, ...] = Field(description="pages with what is left out and what it resembles")


class Snapshot(Record):
    """One immutable list of shards of one recipe, ordered by index. It holds every shard index of its parent."""

    id: int
    category: Name
    parent: int | None = Field(description="the snapshot of the same recipe that this one adds to")
    digest: Name = Field(description="digest of the recipe")
    config: dict[str, Any] = Field(description="the recipe")
    shards: tuple[SnapshotShard, ...]
    duplicates: Duplicates = Duplicates()

    @property
    def contents(self) -> list[str]:
        """What there is to learn from: digests of its tars, and the keys that are left out."""
        return [*(shard.tar_sha256 for shard in self.shards), *sorted(self.duplicates.resembles)]

    @cached_property
    def photos_digest(self) -> str:
        """Digest of the recipe of the raw shards that its crops were cut out of."""
        return digest(self.config["photos"])

    @property
    def rows(self) -> int:
        """Samples attempted."""
        return sum(shard.rows for shard in self.shards)

    @property
    def kept(self) -> int:
        """Samples to learn from."""
        return sum(shard.kept for shard in self.shards) - len(self.duplicates.resembles)

    @property
    def reasons(self) -> dict[str, int]:
        """Dropped samples by reason."""
        near = Counter({NEAR: len(self.duplicates.resembles)})
        return dict(sum((Counter(shard.reasons) for shard in self.shards), +near))


def content_key(category: str, model_digest: str, prompt: str, seed: int) -> str:
    """The key of a sample: what it is made of, so the same inputs have the same key everywhere."""
    return f"{category}-{digest([category, model_digest, prompt, seed])}"


def split_of(key: str) -> Split:
    """Validation for one key in ten, by its hash: a growing data set never moves a sample."""
    share = int(sha256(f"split {key}".encode()).hexdigest()[:8], 16) / 16**8
    return "validation" if share < VALIDATION_SHARE else "train"
