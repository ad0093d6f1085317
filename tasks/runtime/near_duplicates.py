"""Near-duplicate crops over a whole data set."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache, lru_cache

import numpy as np

from models.features import Vit
from models.filters.duplicates import near_duplicates, phash, token_distance
from storage.dataset import shards
from storage.dataset.records import Duplicates
from storage.dataset.samples import ByKey
from storage.store.references import ShardRef
from tasks.filter import pixels
from tasks.runtime.devices import Device, acquire_device, cached_model
from tasks.runtime.recipes import DuplicateRecipe


def find_duplicates(crops: Sequence[ShardRef], recipe: DuplicateRecipe, device: Device = "auto") -> Duplicates:
    """The crops that resemble an earlier one, in the order of the shards' numbers.

    The hashes are in the shards' indices. Pictures are opened, and a device is acquired, only where two hashes are
    near. The same shards are judged once in a process: a flow that counts them, and commits them then.
    """
    manifests = ((ref, shards.manifest(ref)) for ref in sorted(crops, key=lambda ref: ref.index))
    contents = tuple((ref, entry.tar_sha256, entry.table_sha256) for ref, entry in manifests)
    return _find_duplicates(contents, recipe.model_dump_json(), device)


@lru_cache(maxsize=4)
def _find_duplicates(contents: tuple[tuple[ShardRef, str, str], ...], words: str, device: Device) -> Duplicates:
    recipe = DuplicateRecipe.model_validate_json(words)
    rows = [(ref, row) for ref, *_ in contents for row in shards.rows(ref, shards.manifest(ref)) if row.kept]
    keys = [row.key for _, row in rows]
    stored = ByKey()

    def picture(number: int) -> np.ndarray:
        return pixels(stored.sample(rows[number][0], keys[number]))

    # Indices from before hashes were written down have none.
    hashes = [int(row.phash, 16) if row.phash else phash(picture(number)) for number, (_, row) in enumerate(rows)]
    with ExitStack() as held:

        @cache
        def vit() -> Vit:
            return cached_model(recipe.features, held.enter_context(acquire_device(device)))

        def alike(one: int, other: int) -> bool:
            return token_distance(vit(), picture(one), picture(other)) <= recipe.rules.distance

        pairs = near_duplicates(np.array(hashes, np.uint64), alike, recipe.rules)
    return Duplicates(
        config=recipe.model_dump(mode="json"), resembles={keys[one]: keys[other] for one, other in pairs.items()}
    )
