"""Derived shards: what a model answered for every kept crop of a curated shard, under the keys of these crops.

A derived shard has the number of its parent and a row for each of its rows. It is made when a method first needs it,
committed like any other, and goes with its parent. Its columns are pseudo-truth: they have the model's errors.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice

from pydantic import Field, ValidationError

from storage.dataset import shards
from storage.dataset.encoding import Sample
from storage.dataset.records import SampleRow, ShardManifest
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, StorageError
from storage.store.references import DerivedRef, Name, Record, ShardRef

Derive = Callable[[Sequence[Sample]], Sequence[Mapping[str, bytes]]]
"""The encoded columns of each of some crops, by extension."""
STALE = "run the flow again, which derives it anew"


class DerivedRecipe(Record):
    """What names a derived shard."""

    crops: Name = Field(description="digest of the recipe of the crops")
    method: Name = Field(description="method of the model that answers")
    model: str = Field(min_length=1, description="digest of the weights of the model that answers")
    columns: tuple[str, ...] = Field(min_length=1, description="extensions of the columns, sorted")
    settings: dict[str, int | float | str] = Field(default={}, description="how the columns are made of an answer")


def derived_shard(ref: DerivedRef, index: int) -> ShardRef:
    """Where a shard of a derived data set lies."""
    root, category = ref.crops.root, ref.crops.category
    return ShardRef(root=root, category=category, stage="derived", digest=ref.digest, index=index)


def derived_manifest(ref: ShardRef, parent_sha256: str) -> ShardManifest:
    """The manifest of a derived shard that was made from the tar with this sha256.

    Raises MissingArtifact if it is not derived yet, CorruptArtifact if it was derived from another tar.
    """
    entry = shards.manifest(ref)
    if entry.made_from != parent_sha256:
        what = f"was derived from crops of sha256 {entry.made_from[:16]}, not {parent_sha256[:16]}"
        raise CorruptArtifact(layout.tar(ref), what, STALE)
    return entry


@contextmanager
def hold_derived(ref: ShardRef, parent: ShardManifest) -> Generator[ShardManifest | None]:
    """Hold a derived shard while making it; gives its manifest if it is there, and takes a stale one away."""
    with shards.hold_shard(ref) as entry:
        if entry is not None and entry.made_from != parent.tar_sha256:
            # The manifest first: without it the other two count as never written.
            for url in (layout.manifest(ref), layout.table(ref), layout.tar(ref)):
                files.remove(url)
            entry = None
        yield entry


def derived_samples(
    crops: Iterable[Sample], absent: Iterable[SampleRow], derive: Derive, batch: int
) -> Iterator[Sample]:
    """The samples of a derived shard: what `derive` answers for the crops, `batch` at a time, and the rows of the rest.

    Raises ValueError if it answers for more or fewer crops than it was asked about.
    """
    rest = iter(crops)
    while asked := list(islice(rest, batch)):
        answers = derive(asked)
        if len(answers) != len(asked):
            raise ValueError(f"{len(answers)} answers were derived from {len(asked)} crops; give one for each")
        yield from (Sample(crop.row, columns=columns) for crop, columns in zip(asked, answers, strict=True))
    yield from (Sample(row) for row in absent)


def recipe_of(ref: DerivedRef) -> DerivedRecipe:
    """What names the derived shards of a data set.

    Raises MissingArtifact if none of them is derived yet.
    """
    folder = layout.shards(ref.crops.root, ref.crops.category, "derived", ref.digest)
    recipe = _recipe(ref.crops.root, ref.crops.category, ref.digest)
    if recipe is None:
        raise MissingArtifact(folder, "holds no derived shard", "run the flow that derives it")
    return recipe


def recipes(root: str, category: str) -> dict[str, DerivedRecipe]:
    """The recipes of all derived shards of a category by their digests; of one that cannot be read, none."""
    digests = layout.record_names(layout.recipes(root, category, "derived"))
    known = ((digest, _recipe(root, category, digest)) for digest in digests)
    return {digest: recipe for digest, recipe in known if recipe}


def indices(root: str, category: str, digest: str) -> list[int]:
    """Numbers of the derived shards of a recipe that are committed."""
    stems = (name.removesuffix(".json") for name in files.names(layout.shards(root, category, "derived", digest)))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _recipe(root: str, category: str, digest: str) -> DerivedRecipe | None:
    for index in indices(root, category, digest):
        ref = ShardRef(root=root, category=category, stage="derived", digest=digest, index=index)
        with suppress(StorageError, ValidationError):
            if entry := shards.read_manifest(ref):
                return DerivedRecipe.model_validate(entry.config)
    return None
