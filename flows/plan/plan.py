"""One category and one scale make every config of a run."""

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

import models.core.weights
from flows.plan.categories import explain, load_category
from flows.plan.checks import check_truth, known_classes
from flows.plan.overrides import Changes, partial
from flows.plan.presets import Scale, at_scale
from flows.plan.runners import Runner, ThreadsConfig
from models.core.category import Category
from models.core.config import Config
from models.engine.loop import TrainingConfig
from models.features import VitConfig
from models.filters import DuplicateRules, ImageRules, MaskRules
from models.generators import Generator
from models.methods import Farm3DConfig, MethodConfig
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.warm_start import FromNothing, Start, WarmStart
from models.metrics import EvaluationConfig
from models.rendering import RendererConfig
from models.segmenters import Detectron2Config, PointRendConfig, SegmenterConfig
from models.truth.held_out import HeldOutConfig
from storage.dataset.snapshots import read
from storage.store.layout import Store
from storage.store.references import DatasetRef, ModelRef, ShardRef, digest
from tasks.publish import ReleaseConfig
from tasks.runtime.devices import Device
from tasks.runtime.recipes import CropRecipe, DuplicateRecipe, ModelRecipe, OwnPhotos, PhotoRecipe

logger = logging.getLogger(__name__)


class Plan(Config):
    """Everything a run is made from."""

    category: Category
    scale: Scale
    root: str = Field(description="folder or address of the data, as s3://bucket/farm3d")
    device: Device = Field(default="auto", description="auto takes a GPU where there is one")
    runner: Runner = ThreadsConfig()
    images: int = Field(ge=2, description="crops wanted in the data set")
    photos: int = Field(ge=1, description="photos per shard")
    least_kept: float = Field(default=0.25, ge=0, le=1, description="share of photos that has to survive the filters")
    generator: Generator
    own_photos: OwnPhotos | None = Field(default=None, description="photos to learn from instead of generated ones")
    image_rules: ImageRules = ImageRules()
    segmenter: SegmenterConfig
    mask_rules: MaskRules = MaskRules()
    duplicates: DuplicateRules = DuplicateRules()
    crop: int = Field(ge=16, description="pixels along an edge of a crop")
    features: VitConfig
    renderer: RendererConfig
    animal: AnimalConfig
    method: MethodConfig
    training: TrainingConfig
    warm_start: Start = FromNothing()
    held_out: HeldOutConfig
    evaluation: EvaluationConfig
    release: ReleaseConfig = ReleaseConfig()

    @property
    def store(self) -> Store:
        """Where everything of the run lies."""
        return Store(self.root)

    @property
    def segment_as(self) -> tuple[str, ...]:
        """The classes that are looked for: of own photos all, for those may bring their masks."""
        return self.category.segment_as if self.own_photos else known_classes(self.category, self.segmenter)

    @property
    def photo_recipe(self) -> PhotoRecipe:
        """What names a raw shard."""
        return PhotoRecipe(
            words=self.category.words,
            generator=self.own_photos or self.generator,
            weights=weights(self.own_photos or self.generator),
            photos=self.photos,
        )

    @property
    def crop_recipe(self) -> CropRecipe:
        """What names a curated shard."""
        return CropRecipe(
            photos=self.photo_recipe,
            segment_as=self.segment_as,
            segmenter=self.segmenter,
            weights=weights(self.segmenter),
            image_rules=self.image_rules,
            mask_rules=self.mask_rules,
            size=self.crop,
        )

    @property
    def duplicate_recipe(self) -> DuplicateRecipe:
        """What a snapshot leaves out."""
        return DuplicateRecipe(rules=self.duplicates, features=self.features, weights=weights(self.features))

    @property
    def model_recipe(self) -> ModelRecipe:
        """What names a run, together with its snapshot."""
        return ModelRecipe(
            category=self.category.without_truth,
            animal=self.animal,
            features=self.features,
            method=self.method,
            teacher=self.generator,
            warm_start=self.warm_start,
            weights=tuple(weights(part) for part in (self.features, self.generator, self.warm_start)),
            renderer=self.renderer,
            training=self.training,
        )

    @property
    def without_sds(self) -> "Plan":
        """The same plan but for the teacher's judgement: what distillation is held against."""
        method = self.method.reconstruction if isinstance(self.method, Farm3DConfig) else self.method
        return self.model_copy(update={"method": method})

    def raw(self, index: int) -> ShardRef:
        """A shard of photos."""
        return self.store.raw(self.category.name, digest(self.photo_recipe), index)

    def model(self, crops: DatasetRef) -> ModelRef:
        """The run that follows from this plan and these crops: the same run continues, another is another."""
        snapshot = read(crops)
        pinned = [*(shard.tar_sha256 for shard in snapshot.shards), *sorted(snapshot.duplicates.resembles)]
        return self.store.model(self.category.name, f"{self.scale}-{digest([self.model_recipe, pinned])}")


if TYPE_CHECKING:
    PlanChanges = Changes
else:
    PlanChanges = partial(Plan, "category", "scale", "root")


def load_plan(category: str, scale: Scale = "laptop", root: str = "data", changes: Changes | None = None) -> Plan:
    """The plan of a category at a scale, with what this run changes of it.

    Raises ValueError for an unknown category, a wrong value, or a category that its truth or its segmenter does not
    know, naming file, place, value and remedy.
    """
    plain: dict[str, Any] = {
        "category": load_category(category).model_dump(mode="json"),
        "scale": scale,
        "root": root,
        **{name: _plain(part) for name, part in at_scale(scale).items()},
    }
    try:
        plan = Plan.model_validate(changes.over(plain) if changes else plain)
    except ValidationError as error:
        raise ValueError(f"changes: {explain(error)}") from error
    check_truth(plan.category)
    if unknown := [name for name in plan.category.segment_as if name not in plan.segment_as]:
        looked_for = ", ".join(plan.segment_as)
        logger.warning("%s: the segmenter does not know %s; looks for %s", category, ", ".join(unknown), looked_for)
    return plan


def weights(part: Generator | OwnPhotos | SegmenterConfig | VitConfig | Start) -> str:
    """Digest of the weights a part uses: their bytes where they are a folder, else the name of a hub model.

    Raises MissingWeights for a folder that is not there.
    """
    match part:
        case OwnPhotos():
            return _contents(part.folder)
        case Detectron2Config():
            return f"{part.settings} {part.weights}"
        case PointRendConfig():
            return _digest(part.weights, None)
        case FromNothing():
            return ""
        case WarmStart():
            return _digest(part.model, None)
        case _:
            return _digest(part.model, part.revision)


@cache
def _digest(model: str, revision: str | None) -> str:
    return models.core.weights.digest(models.core.weights.locate(model), revision)


@cache
def _contents(folder: str) -> str:
    """Read once in a process, so that a run keeps its name while somebody adds photos to the folder."""
    return models.core.weights.contents(Path(folder))


def _plain(part: object) -> object:
    return part.model_dump(mode="json") if isinstance(part, Config) else part
