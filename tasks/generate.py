"""Photos of one shard, from a text-to-image model or from somebody's folder."""

from collections.abc import Iterator

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.data.prompts import Request, requests
from models.generators import Generator
from storage.dataset import shards
from storage.dataset.encoding import Sample
from storage.dataset.records import SampleRow, content_key, split_of
from storage.store import layout
from storage.store.references import ShardRef
from tasks.inference.folder_source import folder_samples
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, acquire_device, cached_model
from tasks.runtime.recipes import OwnPhotos, Photographs, PhotoRecipe
from tasks.runtime.retries import DELAYS_SECONDS, is_transient
from tasks.runtime.reuse import reuse


@task(
    task_run_name="generate-{photos.category}-{photos.index:05d}",
    retries=2,
    retry_delay_seconds=DELAYS_SECONDS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
)
def generate(photos: ShardRef, recipe: PhotoRecipe, device: Device = "auto", own: OwnPhotos | None = None) -> ShardRef:
    """Photos of the shard's part of the prompt sequence, committed raw: a later death does not make them again.

    Somebody's own photos are read from the folder that `own` names.

    Raises MissingWeights if the generator has none, StorageFull with nothing left half-written.
    """
    with shards.hold_shard(photos):
        if entry := shards.find_committed(photos):
            return reuse(photos, f"{entry.kept} photos are there")
        if own:
            shards.write(photos, folder_samples(photos, recipe, own), recipe)
            return photos
        if isinstance(recipe.generator, Photographs):
            raise ValueError(f"{layout.tar(photos)}: is of somebody's own photos; name their folder in own_photos")
        with acquire_device(device) as where:
            shards.write(photos, _drawn(photos, recipe, recipe.generator, where), recipe)
    return photos


def _drawn(shard: ShardRef, recipe: PhotoRecipe, config: Generator, where: str) -> Iterator[Sample]:
    generator = cached_model(config, where)
    asked = requests(recipe.words, shard.index * recipe.photos, recipe.photos)
    bar = artifacts.Progress(len(asked), f"photos of {shard.category} shard {shard.index}")
    for start in range(0, len(asked), config.batch):
        some = asked[start : start + config.batch]
        images = generator.generate([each.prompt for each in some], [each.seed for each in some])
        yield from (
            Sample(_row(recipe, config, generator.sampler, *pair), pair[1]) for pair in zip(some, images, strict=True)
        )
        bar.at(start + len(some))


def _row(recipe: PhotoRecipe, config: Generator, sampler: str, request: Request, image: np.ndarray) -> SampleRow:
    key = content_key(recipe.words.name, recipe.weights_digest, request.prompt, request.seed)
    return SampleRow(
        key=key,
        category=recipe.words.name,
        prompt=request.prompt,
        view=request.view,
        coat=request.coat,
        age=request.age,
        action=request.action,
        place=request.place,
        seed=request.seed,
        sampler=sampler,
        **vars(config.sampling),
        model_digest=recipe.weights_digest,
        photo_width=image.shape[1],
        photo_height=image.shape[0],
        split=split_of(key),
    )
