"""One category, one method and one scale make every config of a run."""

import logging
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field, ValidationError, model_validator

from flows.plan.categories import explain, load_category
from flows.plan.checks import check_truth, known_classes
from flows.plan.overrides import Changes, partial
from flows.plan.presets import preset
from flows.plan.runners import Runner, ThreadsConfig
from models.core.category import Category
from models.core.config import Config
from models.data.columns import COLUMNS
from models.features import VitConfig
from models.filters import DuplicateRules, ImageRules, MaskRules
from models.generators import Generator
from models.methods import MethodConfig, methods
from models.metrics import EvaluationConfig
from models.rendering import RendererConfig
from models.segmenters import SegmenterConfig
from models.truth.held_out import HeldOutConfig
from storage.dataset.snapshots import read
from storage.runs.releases import MAIN_METHOD, published_releases, select_release
from storage.store.layout import Store
from storage.store.references import SCALES, DatasetRef, DerivedRef, ModelRef, Scale, ShardRef, digest
from tasks.publish import ReleaseConfig
from tasks.runtime.devices import Device, device_kind
from tasks.runtime.recipes import CropRecipe, DuplicateRecipe, ModelRecipe, OwnPhotos, PhotoRecipe

logger = logging.getLogger(__name__)


_DIGESTS: dict[str, str] = {}
"""Digests of weights that this process has read, by what they are weights of."""


class Weighted(Protocol):
    """A configuration of a part with weights, or of photos."""

    def digest(self) -> str:
        """Digest of what it uses besides itself."""
        ...


class Plan(Config):
    """Everything a run is made from."""

    category: Category
    scale: Scale
    root: str = Field(description="folder or address of the data, as s3://bucket/farm3d")
    device: Device = Field(default="auto", description="auto takes a GPU where there is one")
    processes: int = Field(
        default=1, ge=1, description="processes that share the training, each on a GPU or a core of its own"
    )
    runner: Runner = Field(default=ThreadsConfig(), description="where the shards of the data set are made")
    images: int = Field(ge=2, description="crops wanted in the data set")
    photos: int = Field(ge=1, description="photos per shard")
    least_kept: float = Field(default=0.25, ge=0, le=1, description="share of photos that has to survive the filters")
    generator: Generator = Field(description="the model that draws the photos")
    own_photos: OwnPhotos | None = Field(default=None, description="photos to learn from instead of generated ones")
    image_rules: ImageRules = Field(default=ImageRules(), description="which photos are not worth cutting out")
    segmenter: SegmenterConfig = Field(description="what cuts the animals out of the photos")
    mask_rules: MaskRules = Field(default=MaskRules(), description="which masks are no use to learn from")
    duplicates: DuplicateRules = Field(default=DuplicateRules(), description="which crops show nothing new")
    crop: int = Field(ge=16, description="pixels along an edge of a crop")
    features: VitConfig = Field(description="what near-duplicates are compared by")
    renderer: RendererConfig = Field(description="what draws the surface in training, evaluation and release")
    method: MethodConfig = Field(description="how the animal is learnt; it keeps the kind of its flow")
    scenes: int = Field(default=60, ge=1, description="held-out animals that models are measured on")
    evaluation: EvaluationConfig = Field(description="how models are measured")
    release: ReleaseConfig = Field(default=ReleaseConfig(), description="how much of the result is shown")

    @property
    def store(self) -> Store:
        """Where everything of the run lies."""
        return Store(self.root)

    @model_validator(mode="after")
    def _resolutions_agree(self) -> "Plan":
        photo = (self.own_photos or self.generator).size
        if self.crop > photo:
            raise ValueError(f"crop is {self.crop} px and photos have {photo}; give a crop of at most {photo}")
        if self.method.resolution > self.crop:
            raise ValueError(
                f"method {self.method.kind} reads crops of {self.method.resolution} px and crop is {self.crop}, so "
                f"they would be enlarged; give a crop of at least {self.method.resolution}, or a method that reads "
                f"at most {self.crop} px"
            )
        return self

    @model_validator(mode="after")
    def _processes_share_evenly(self) -> "Plan":
        for stage in self.method.stages():
            if stage.batch % self.processes:
                fitting = [str(count) for count in range(1, stage.batch + 1) if not stage.batch % count]
                raise ValueError(
                    f"processes is {self.processes}, and stage {stage.name} of method {self.method.kind} computes "
                    f"{stage.batch} images at once, which they cannot share evenly; give {' or '.join(fitting)}"
                )
        return self

    @property
    def segment_as(self) -> tuple[str, ...]:
        """The classes that are looked for: of own photos all, for those may bring their masks."""
        return self.category.segment_as if self.own_photos else known_classes(self.category, self.segmenter)

    @property
    def photo_recipe(self) -> PhotoRecipe:
        """What names a raw shard."""
        return PhotoRecipe(
            words=self.category.words,
            generator=self.own_photos.photographs if self.own_photos else self.generator,
            weights_digest=weights_digest(self.own_photos or self.generator),
            photos=self.photos,
        )

    @property
    def crop_recipe(self) -> CropRecipe:
        """What names a curated shard."""
        return CropRecipe(
            photos=self.photo_recipe,
            segment_as=self.segment_as,
            segmenter=self.segmenter,
            weights_digest=weights_digest(self.segmenter),
            image_rules=self.image_rules,
            mask_rules=self.mask_rules,
            size=self.crop,
        )

    @property
    def duplicate_recipe(self) -> DuplicateRecipe:
        """What a snapshot leaves out."""
        return DuplicateRecipe(
            rules=self.duplicates, features=self.features, weights_digest=weights_digest(self.features)
        )

    @property
    def model_recipe(self) -> ModelRecipe:
        """What names a run, together with its snapshot."""
        return ModelRecipe(
            category=self.category.without_truth,
            method=self.method,
            weights_digests={name: weights_digest(part) for name, part in self.method.parts.items()},
            renderer=self.renderer,
        )

    @property
    def held_out(self) -> HeldOutConfig:
        """Held-out animals, photographed as the generator's photos are and cropped to the method's resolution."""
        return HeldOutConfig(scenes=self.scenes, photo=self.generator.size, size=self.method.resolution)

    def raw(self, index: int) -> ShardRef:
        """A shard of photos."""
        return self.store.raw(self.category.name, digest(self.photo_recipe), index)

    def model(self, crops: DatasetRef, derived: DerivedRef | None = None) -> ModelRef:
        """The run that follows from this plan and these crops: the same run continues, another is another."""
        learnt_from = [derived.digest] if derived else []
        run = f"{self.method.kind}-{self.scale}-{digest([self.model_recipe, read(crops).contents, *learnt_from])}"
        return self.store.model(self.category.name, run)


if TYPE_CHECKING:
    PlanChanges = Changes
else:
    PlanChanges = partial(Plan, "category", "scale", "root")


def load_plan(
    category: str,
    scale: Scale = "laptop",
    root: str = "data",
    changes: Changes | None = None,
    method: str = MAIN_METHOD,
) -> Plan:
    """The plan of a category at a scale by a method, with what this run changes of it.

    Raises ValueError for an unknown category or method, a wrong value, or a category that its truth or its segmenter
    does not know, naming file, place, value and remedy.
    """
    if scale not in SCALES:
        raise ValueError(f"scale {scale!r} is unknown; choose {', '.join(SCALES)}")
    known = methods()
    if method not in known:
        raise ValueError(f"method {method!r} is unknown; choose {', '.join(sorted(known))}")
    own_photos, from_nothing = getattr(changes, "own_photos", None) is not None, _starts_from_nothing(changes)
    if from_nothing and "warm_start" not in known[method].model_fields:
        able = [name for name, each in sorted(known.items()) if "warm_start" in each.model_fields]
        raise ValueError(
            f"method {method} goes on from no animal, so there is nothing to leave out; leave out --from-nothing "
            f"(changes: method.warm_start), or choose {' or '.join(able)}"
        )
    plain: dict[str, Any] = {
        "category": load_category(category).model_dump(mode="json"),
        "scale": scale,
        "root": root,
        "method": known[method].preset(scale, own_photos, from_nothing).model_dump(mode="json"),
        **{name: _plain(part) for name, part in preset(scale, _wanted_device(changes)).items()},
    }
    try:
        plan = Plan.model_validate(changes.over(plain) if changes else plain)
    except ValidationError as error:
        raise ValueError(f"changes: {explain(error)}") from error
    if (kind := plan.method.kind) != method:
        raise ValueError(
            f"changes: method.kind is {kind} in a run of {method}; leave it out, or type "
            f"`prefect deployment run {kind}/{category}`"
        )
    check_truth(plan.category)
    check_needs(plan)
    if unknown := [name for name in plan.category.segment_as if name not in plan.segment_as]:
        looked_for = ", ".join(plan.segment_as)
        logger.warning("%s: the segmenter does not know %s; looks for %s", category, ", ".join(unknown), looked_for)
    return plan


def _starts_from_nothing(changes: Changes | None) -> bool:
    """Whether the start is asked to be left out, which wants other rates and another first shape."""
    asked = changes.over({}) if changes else {}
    return asked.get("method", {}).get("warm_start", {}).get("kind") == "nothing"


def check_needs(plan: Plan) -> None:
    """Raises ValueError where a column or a release that the method needs cannot be had."""
    needs, category, kind = plan.method.needs, plan.category.name, plan.method.kind
    remedy = f"make one with `prefect deployment run {{}}/{category} -p scale={plan.scale}`"
    if unknown := [column for column in needs.columns if column not in COLUMNS]:
        raise ValueError(f"method {kind} needs column {unknown[0]!r}, which nothing makes; known: {', '.join(COLUMNS)}")
    if needs.columns and select_release(plan.store, category) is None:
        raise ValueError(
            f"method {kind} learns from columns {', '.join(needs.columns)}, which are distilled from a release of "
            f"{category}, and {plan.store.root} has none; {remedy.format(MAIN_METHOD)}"
        )
    published = {release.about.method for release in published_releases(plan.store, category)}
    for method in needs.releases:
        if method not in published:
            raise ValueError(
                f"method {kind} needs a release of {method} for {category}, and {plan.store.root} has none; "
                f"{remedy.format(method)}"
            )


def weights_digest(part: Weighted) -> str:
    """Digest of what a part uses besides its configuration: the bytes of a folder, or the name of a hub model.

    Read once in a process, so that a run keeps its name while somebody adds photos to a folder.
    Raises MissingWeights for a folder that is not there.
    """
    name = repr(part)
    if name not in _DIGESTS:
        _DIGESTS[name] = part.digest()
    return _DIGESTS[name]


def _wanted_device(changes: Changes | None) -> str:
    """The kind of device that the run will take; whether it is there is asked later (`check_parts`)."""
    device: Device = getattr(changes, "device", None) or "auto"
    return device if device != "auto" else device_kind(device)


def _plain(part: object) -> object:
    return part.model_dump(mode="json") if isinstance(part, Config) else part
