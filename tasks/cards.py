"""What is said in words of a release: where its data and its model come from, and on what terms."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.recipes import CropRecipe, ModelRecipe, OwnPhotos, PhotoRecipe
from storage.records import ModelRef, Snapshot


def dataset_card(snapshot: Snapshot) -> str:
    """How the pictures were made and chosen."""
    recipe = CropRecipe.model_validate(snapshot.config)
    dropped = (
        "\n".join(f"| {reason} | {count} |" for reason, count in sorted(snapshot.reasons.items())) or "| none | 0 |"
    )
    return f"""# Data set of {snapshot.category}, snapshot {snapshot.id}

{snapshot.kept} crops of {recipe.size} px, kept of {snapshot.rows} photos.
{_origin(recipe.photos)}
- Masks: {recipe.segmenter.kind} (weights {recipe.weights}), classes {", ".join(recipe.segment_as)}
- Shards: {len(snapshot.shards)}, recipe {snapshot.digest}

| dropped because | photos |
| --- | --- |
{dropped}
"""


def _origin(photos: PhotoRecipe) -> str:
    source = photos.generator
    if isinstance(source, OwnPhotos):
        return f"""
- Photos: the folder `{source.folder}`, brought to {source.size} px; ask whoever took them for their licence
- Digest of its files: {photos.weights}"""
    against = f", away from {source.negative_prompt!r}" if source.negative_prompt else ""
    return f"""No photo was taken, collected or labelled.

- Generator: `{source.model}`, {source.steps} steps, guidance {source.guidance}{against}
- Its weights: {photos.weights}"""


def model_card(model: ModelRef, recipe: ModelRecipe, snapshot: Snapshot, scores: Sequence[Mapping[str, Any]]) -> str:
    """What the model is, what it learned from, and how well it does."""
    training = recipe.training
    own = [row for row in scores if row["method"] == model.run]
    lines = "\n".join(f"| {r['metric']} | {r['mean']:.4g} {r['unit']} | {r['protocol']} |" for r in own)
    return f"""# {model.category}, run {model.run}

A category model in the manner of Farm3D (Jakab et al., 3DV 2024): one photo to a rigged, textured 3D animal.

- Method: {recipe.method.kind}, seed {training.seed}
- Training: {training.steps} steps of {training.batch} crops of {training.size} px
- Data: snapshot {snapshot.id} ({snapshot.kept} crops, recipe {snapshot.digest})
- Teacher: `{recipe.teacher.model}`; features: `{recipe.features.model}`
- Licence of the asset: {recipe.category.license}; those of the teacher and the features hold for their weights

Held-out barnyard animals:

| metric | value | protocol |
| --- | --- | --- |
{lines}

Not for: measuring real animals, or telling individuals apart.
"""
