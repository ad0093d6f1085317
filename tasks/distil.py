"""Pseudo-truth: what a released model answers for the crops of a shard, as columns for other methods to learn from."""

from collections.abc import Mapping, Sequence

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.data.columns import COLUMNS, DerivedColumn, derived_extensions
from models.data.crops import Crops
from models.export.column_makers import DerivationConfig, derive_columns
from storage.dataset import samples, shards, snapshots
from storage.dataset.derived import DerivedRecipe, derived_samples, hold_derived
from storage.dataset.encoding import Sample
from storage.runs.releases import Release
from storage.store.layout import Store
from storage.store.references import DatasetRef, ModelRef, ShardRef, digest
from tasks.inference.loading import framed, recipe_of, reconstructor
from tasks.runtime.devices import Device, acquire_device, torch_device
from tasks.runtime.retries import DELAYS_SECONDS, is_transient
from tasks.runtime.reuse import reuse

BATCH_SIZE = 8
"""Crops that are answered together."""


@task(
    task_run_name="distil-{crops.category}-{crops.index:05d}",
    retries=2,
    retry_delay_seconds=DELAYS_SECONDS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
)
def distil(crops: ShardRef, recipe: DerivedRecipe, model: ModelRef, device: Device = "auto") -> ShardRef:
    """The derived shard of a curated one: the model's answer for every kept crop, under the same keys.

    Raises ValueError for a column that the model's method cannot give, CorruptArtifact for crops that are damaged.
    """
    shard = Store(crops.root).derived(crops.category, digest(recipe), crops.index)
    parent = shards.manifest(crops)
    with hold_derived(shard, parent) as entry:
        if entry:
            return reuse(shard, f"{entry.kept} answers are there")
        stored = samples.of_shard(crops)
        with acquire_device(device) as where:
            answers = derived_samples(stored, stored.absent, Deriver(model, recipe, where), BATCH_SIZE)
            shards.write(shard, answers, recipe, parent.tar_sha256)
    return shard


def derived_recipe(
    crops: DatasetRef,
    release: Release,
    columns: Sequence[str],
    config: DerivationConfig = DerivationConfig(),  # noqa: B008 - frozen
) -> DerivedRecipe:
    """What names the derived shards of a data set: its crops, the release that answers, and the wanted columns.

    Raises ValueError for a column that is not known, or if none of them is derived.
    """
    extensions = derived_extensions(columns)
    if not extensions:
        raise ValueError(f"columns {list(columns)} are stored with the crops; there is nothing to derive")
    return DerivedRecipe(
        crops=snapshots.read(crops).digest,
        method=release.about.method,
        model=digest(release.about.weights),
        columns=extensions,
        settings=config.model_dump(),
    )


class Deriver:
    """A model that answers for crops with encoded columns."""

    def __init__(self, model: ModelRef, recipe: DerivedRecipe, where: str) -> None:
        """Loads the model at a place."""
        self.where, self.size = where, recipe_of(model).method.resolution
        self.reconstructor = reconstructor(model, where)
        self.config = DerivationConfig.model_validate(recipe.settings)
        derived = (column for column in COLUMNS.values() if isinstance(column, DerivedColumn))
        self.names = [column.name for column in derived if column.extension in recipe.columns]

    def __call__(self, crops: Sequence[Sample]) -> Sequence[Mapping[str, bytes]]:
        """The columns of each of these crops, by extension."""
        batch = Crops([framed(crop) for crop in crops], self.size, torch_device(self.where))
        reconstruction = self.reconstructor.predict(batch.batch(torch.arange(len(crops))))
        return derive_columns(reconstruction, [crop.row.key for crop in crops], self.names, self.config)
