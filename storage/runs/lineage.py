"""Where a released file comes from: release, run, snapshot, shards, and every picture with its prompt and seed."""

import json
from collections.abc import Iterator
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from storage.dataset import catalogue, shards, snapshots
from storage.dataset.records import ShardManifest
from storage.runs.releases import ReleaseAbout
from storage.runs.training_runs import ModelAbout, StageAbout
from storage.store import bundles, files, layout
from storage.store.errors import REMEDY, CorruptArtifact, MissingArtifact, words
from storage.store.layout import Store
from storage.store.references import DatasetRef, ReleaseRef, ShardRef

Source = TypeVar("Source", bound=BaseModel)


class Part(BaseModel):
    """What a chain says of one part of a recipe; the rest of the part is left out."""

    kind: str = ""
    model: str = ""
    folder: str = ""

    @property
    def name(self) -> str:
        """Its kind, and the weights or the folder that it reads."""
        return f"{self.kind} {self.model or self.folder}".strip()


class PhotoSource(BaseModel):
    """Where photos come from."""

    generator: Part
    weights_digest: str


class CropSource(BaseModel):
    """Where crops come from."""

    photos: PhotoSource
    segmenter: Part
    weights_digest: str


class ModelSource(BaseModel):
    """What a model learnt with: its start and its frozen parts, by their names in the method."""

    method: dict[str, Any]
    weights_digests: dict[str, str]


def release_of(file: Path, root: str) -> ReleaseRef:
    """The release that holds a file with these bytes, whatever it is called now.

    Raises MissingArtifact if none does.
    """
    wanted, store = sha256(file.read_bytes()).hexdigest(), Store(root)
    for category in store.categories():
        for release in store.releases(category):
            bundle = bundles.find_committed(layout.release(release))
            if bundle and any(entry.sha256 == wanted for entry in bundle.files.values()):
                return release
    raise MissingArtifact(
        str(file), f"is in no release under {store.root}", "name the --root that it was released from"
    )


def lines(release: ReleaseRef, pictures: bool) -> Iterator[str]:
    """The whole chain in lines, the release first; the pictures themselves only if asked for.

    Raises MissingArtifact or CorruptArtifact where the chain is broken.
    """
    store = Store(release.root)
    model = store.model(release.category, release.run)
    files_published, published = _committed(layout.release(release), ReleaseAbout)
    _, learnt = _committed(layout.model(model), ModelAbout)
    dataset = store.dataset(release.category, learnt.snapshot)
    snapshot = snapshots.read(dataset)
    made_by = f"method {published.method}, scale {published.scale}"
    since = f"there since {committed_at(release)}"
    code = _made_by(published.code)
    yield f"release   {layout.release(release)}: {made_by}, {len(files_published)} files{code}, {since}"
    yield f"run       {model.run}: {len(learnt.stages)} trained stages{_made_by(learnt.code)}"
    for stage in learnt.stages:
        files_trained, trained = _committed(layout.stage(model, stage), StageAbout)
        weights = files_trained[f"{stage}.safetensors"].sha256
        yield f"stage     {stage}: {trained.steps} steps, weights sha256 {weights}"
    yield from _parts(layout.model(model))
    counts = f"{snapshot.kept} of {snapshot.rows} kept"
    yield f"snapshot  {release.category} {snapshot.id}: {counts}, recipe {snapshot.digest}"
    recipe = _parse(CropSource, snapshot.config, layout.snapshot(dataset))
    yield f"photos    {recipe.photos.generator.name}, weights {recipe.photos.weights_digest}"
    yield f"masks     {recipe.segmenter.name}, weights {recipe.weights_digest}"
    for pinned in snapshot.shards:
        yield from _shard(dataset, snapshots.pinned_manifest(dataset, pinned), snapshot.photos_digest)
    for row in catalogue.rows(dataset) if pictures else ():
        twin = snapshot.duplicates.resembles.get(row.key)
        outcome = f"sha256 {row.sha256}" if row.kept else f"dropped: {row.reason}{f' of {twin}' if twin else ''}"
        yield f"picture   {row.key}: {row.prompt!r}, seed {row.seed}, model {row.model_digest}, {outcome}"


def committed_at(release: ReleaseRef) -> str:
    """Day and minute at which it came to lie in its store; its own bytes say none, so that a rerun makes them again."""
    return f"{files.put_at(layout.bundle(layout.release(release))).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def snapshots_learnt_from(store: Store, category: str) -> set[int]:
    """Numbers of the snapshots that finished models and releases were made from."""
    models = [(layout.model(ref), ModelAbout) for ref in store.models(category)]
    releases = [(layout.release(ref), ReleaseAbout) for ref in store.releases(category)]
    whole = ((folder, kind) for folder, kind in (*models, *releases) if bundles.find_committed(folder))
    return {about.snapshot for folder, kind in whole if (about := bundles.read_about(folder, kind))}


def _committed(folder: str, kind: type[bundles.About]) -> tuple[dict[str, bundles.BundleFile], bundles.About]:
    """The files of a bundle, and what it is about."""
    bundle, about = bundles.find_committed(folder), bundles.read_about(folder, kind)
    if bundle is None or about is None:
        raise MissingArtifact(folder, "is not committed", REMEDY)
    return bundle.files, about


def _parts(model: str) -> Iterator[str]:
    """What the model started from, and the frozen parts it learnt with, each by the digest of its weights."""
    recipe = _parse(ModelSource, json.loads(bundles.read(model, "recipe.json")), model)
    for name, digest in sorted(recipe.weights_digests.items(), key=lambda item: item[0] != "warm_start"):
        part = _parse(Part, recipe.method.get(name, {}), model)
        weights = f"{part.name}, weights {digest}" if digest else "random weights"
        yield f"start     {weights}" if name == "warm_start" else f"part      {name.replace('_', ' ')} {weights}"


def _shard(dataset: DatasetRef, crops: ShardManifest, recipe: str) -> Iterator[str]:
    counts = f"{crops.kept} of {crops.rows} kept"
    yield f"shard     {crops.index:05d}: {counts}, sha256 {crops.tar_sha256}{_made_by(crops.code)}"
    raw = ShardRef(root=dataset.root, category=dataset.category, stage="raw", digest=recipe, index=crops.index)
    photos = shards.manifest(raw)
    same = "" if photos.tar_sha256 == crops.made_from else "  (made again since)"
    yield f"  from    raw {recipe}: sha256 {crops.made_from}{same}"


def _parse(kind: type[Source], said: object, where: str) -> Source:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        remedy = "run its category again"
        raise CorruptArtifact(where, f"does not say where it comes from ({words(error)})", remedy) from error


def _made_by(code: str) -> str:
    """The revision, where it was written down."""
    return f", code {code}" if code else ""
