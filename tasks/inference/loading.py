"""A finished model, loaded to answer photos."""

import json
import logging
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError

from models.core.category import VIEWS, Category, Words
from models.core.errors import Farm3dError
from models.core.weights import check_digest
from models.data.crops import Crops
from models.data.framing import Crop
from models.engine.loop import Summary
from models.filters import ImageRules, MaskRules
from models.generators.known_models import EMBEDDED
from models.methods import MagicPonyConfig
from models.methods.base import Artifact, Setting
from models.rendering import ReferenceConfig, RendererConfig
from models.rendering.reconstruction import Reconstructor, Refinable
from models.segmenters import PointRendConfig, SegmenterConfig, TransformersConfig
from storage.dataset import samples, snapshots
from storage.dataset.encoding import Sample
from storage.runs.checkpoints import weights_from
from storage.runs.scores import START
from storage.runs.training_runs import StageAbout
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, words
from storage.store.references import DatasetRef, ModelRef
from tasks.runtime.devices import cached_model, load_alone, torch_device
from tasks.runtime.recipes import CropRecipe, ModelRecipe, PhotoRecipe

QUADRUPEDS = ("cow", "horse", "sheep", "dog", "cat", "elephant", "bear", "zebra", "giraffe")
"""Classes of COCO that one photo may show where somebody has chosen the segmenter: whatever stands there is meant."""

logger = logging.getLogger(__name__)

_RUNS_HERE: dict[Any, bool] = {}
"""Whether a part runs on a kind of device of this machine, as it was asked before."""

Recipe = TypeVar("Recipe", bound=BaseModel)


def recipe_of(model: ModelRef) -> ModelRecipe:
    """What the model was made by.

    Raises MissingArtifact if its training is not finished, CorruptArtifact if another version wrote it.
    """
    said = json.loads(bundles.read(layout.model(model), "recipe.json"))
    return parse_recipe(ModelRecipe, said, layout.model(model))


def crop_recipe(crops: DatasetRef) -> CropRecipe:
    """What the crops of a data set were made by.

    Raises CorruptArtifact if another version wrote it.
    """
    return parse_recipe(CropRecipe, snapshots.read(crops).config, layout.snapshot(crops))


def parse_recipe(kind: type[Recipe], said: object, where: str) -> Recipe:
    """A recipe as it was written down. Raises CorruptArtifact if another version wrote it."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        what = f"holds a recipe of another version ({words(error)})"
        raise CorruptArtifact(where, what, "run its category again, or read it with the code that wrote it") from error


def reconstructor(model: ModelRef, where: str, refine: bool = False) -> Reconstructor:
    """The finished model on a device; it fits its answers to their masks where it can and is asked to.

    Raises MissingArtifact if a stage of its training has lost its weights.
    """
    recipe = recipe_of(model)
    require_stages(model, recipe)
    with load_alone():
        return _refined(recipe.method.load(stage_artifacts(model, recipe), setting(recipe, where)), refine)


def _refined(model: Reconstructor, refine: bool) -> Reconstructor:
    return model.refined() if refine and isinstance(model, Refinable) else model


def start(recipe: ModelRecipe, where: str, refine: bool = False) -> Reconstructor:
    """The model before any training.

    Raises MissingWeights where the weights that it went on from have become others since.
    """
    for name, part in recipe.method.parts.items():
        if not hasattr(part, "build"):  # The others are checked when the method loads them.
            _check_part(recipe, name, part.digest())
    with load_alone():
        return _refined(recipe.method.load({}, setting(recipe, where)), refine)


def load_start(recipe: ModelRecipe, where: str) -> Reconstructor | None:
    """The model before any training, to stand beside it; None for a method without training.

    None, too, where its weights have become others since, which the log says.
    """
    if not recipe.method.stages():
        return None
    try:
        return start(recipe, where)
    except Farm3dError as error:
        logger.warning("%s of %s cannot be measured: %s", START, recipe.method.kind, error)
        return None


def embedded_recipe() -> ModelRecipe:
    """The embedded animals that were told everything of the farm's species; no training starts from them."""
    method = MagicPonyConfig.taught()
    category = Category(name="quadruped", segment_as=PointRendConfig().classes())
    digests = {name: part.digest() for name, part in method.parts.items()}
    return ModelRecipe(category=category, method=method, weights_digests=digests, renderer=ReferenceConfig())


def embedded_crop_recipe(category: str) -> CropRecipe:
    """How the embedded segmenter cuts out whichever animal it knows."""
    return CropRecipe(
        photos=PhotoRecipe(words=Words(name=category), generator=EMBEDDED, weights_digest="", photos=1),
        segment_as=PointRendConfig().classes(),
        segmenter=PointRendConfig(),
        weights_digest="",
        image_rules=ImageRules(),
        mask_rules=MaskRules(),
        size=EMBEDDED.size,
    )


def parse_segmenter(text: str | None) -> TransformersConfig | None:
    """The segmenter that `transformers` or `transformers:MODEL` names, MODEL a folder or a hub id; none for no word.

    Raises ValueError for another word.
    """
    if text is None:
        return None
    kind, _, model = text.partition(":")
    if kind != "transformers":
        raise ValueError(
            f"segmenter is {text!r}; give transformers, or transformers:MODEL with a folder or a hub id, "
            "or leave it out for the one that the model came with"
        )
    return TransformersConfig(model=model) if model else TransformersConfig()


def with_segmenter(crops: CropRecipe, segmenter: TransformersConfig) -> CropRecipe:
    """The same crops, cut out by another segmenter; it is asked for the four-legged animals of COCO."""
    return crops.model_copy(update={"segmenter": segmenter, "segment_as": QUADRUPEDS, "weights_digest": ""})


def training_setting(recipe: ModelRecipe, where: str) -> Setting:
    """Where a method learns, exactly as its recipe says: frozen parts are built once for a device and kept.

    Loading one raises MissingWeights where its weights are not those that the recipe names: a model reads the tokens of
    its own transformer alone.
    """
    device = torch_device(where)
    names = {part: name for name, part in recipe.method.parts.items()}

    def load(part: Any) -> Any:  # noqa: ANN401 - each config builds its own class
        built = cached_model(part, where)
        _check_part(recipe, names[part], built.digest)
        return built

    return Setting(recipe.category, device, recipe.renderer.build(device), load)


def _check_part(recipe: ModelRecipe, name: str, found: str) -> None:
    """Raises MissingWeights where the weights of a frozen part or of the start are not those that the recipe names."""
    part, category = recipe.method.parts[name], recipe.category.name
    weights = f"{name.replace('_', ' ')} {getattr(part, 'model', '')}".strip()
    remedy = f"put the old folder back, or train a model with the new one: `farm3d run {category}`"
    check_digest(weights, found, f"this model of {category}", recipe.weights_digests[name], remedy)


def setting(recipe: ModelRecipe, where: str) -> Setting:
    """Where a finished method answers: as it learnt, or drawn by our own rasteriser where its own cannot run."""
    if not _runs_here(recipe.renderer, torch_device(where).type):
        recipe = recipe.model_copy(update={"renderer": ReferenceConfig()})
    return training_setting(recipe, where)


def usable_crop_recipe(recipe: CropRecipe, where: str) -> CropRecipe:
    """How a photo is cut out here: as the crops were, or by the embedded segmenter where theirs cannot run."""
    if _runs_here(recipe.segmenter, torch_device(where).type):
        return recipe
    embedded = embedded_crop_recipe(recipe.photos.words.name)
    classes = tuple(name for name in recipe.segment_as if name in embedded.segment_as)
    return embedded.model_copy(update={"size": recipe.size, "segment_as": classes or embedded.segment_as})


def _runs_here(part: RendererConfig | SegmenterConfig, device: str) -> bool:
    """Whether this machine has what a part needs; asked, and said where it has not, once in a process."""
    key: Any = part, device
    if key not in _RUNS_HERE:
        try:
            part.check_available(device)
        except (Farm3dError, ValueError) as error:
            logger.warning("%s; until then what comes with the farm does its work", error)
            _RUNS_HERE[key] = False
        else:
            _RUNS_HERE[key] = True
    return _RUNS_HERE[key]


def stage_artifacts(model: ModelRef, recipe: ModelRecipe, before: str = "") -> dict[str, Artifact]:
    """What the finished stages of a run have left behind, by name; with `before`, those before that stage."""
    artifacts: dict[str, Artifact] = {}
    for stage in recipe.method.stages():
        if stage.name == before:
            break
        folder = layout.stage(model, stage.name)
        about = bundles.read_about(folder, StageAbout)
        if about and bundles.find_committed(folder):
            tensors = weights_from(bundles.read(folder, f"{stage.name}.safetensors"))
            artifacts[stage.name] = Artifact(tensors, Summary(**dict(about)))
    return artifacts


def require_stages(model: ModelRef, recipe: ModelRecipe) -> None:
    """Raises MissingArtifact if a stage is not committed; without its weights the start would answer in its place."""
    for stage in recipe.method.stages():
        folder = layout.stage(model, stage.name)
        if bundles.find_committed(folder) is None:
            raise MissingArtifact(folder, "is not committed", f"run {recipe.method.kind}/{model.category} again")


def stage_digests(model: ModelRef) -> dict[str, str]:
    """Digests of the weights that the stages of a run have left behind."""
    bundle_of = {
        stage: bundles.find_committed(layout.stage(model, stage)) for stage in files.names(layout.stages(model))
    }
    return {stage: bundle.files[f"{stage}.safetensors"].sha256 for stage, bundle in sorted(bundle_of.items()) if bundle}


def validation(crops: DatasetRef, size: int, most: int) -> Crops:
    """At most so many of `validation_samples`, as a training set takes them."""
    stored = validation_samples(crops)
    return Crops([framed(sample) for sample in stored.first(most)], size, torch.device("cpu"))


def validation_samples(crops: DatasetRef) -> samples.Samples:
    """The crops that training does not see; training crops where there are none."""
    held_out = samples.of_dataset(crops, "validation")
    return held_out if len(held_out) else samples.of_dataset(crops, "train")


def framed(sample: Sample) -> Crop:
    """A stored crop as a training set takes it.

    Raises ValueError if it has no image or no mask.
    """
    row = sample.row
    if sample.image is None or sample.mask is None:
        raise ValueError(f"sample {row.key} has no image or no mask; only kept crops can be learnt from")
    view = VIEWS.index(row.view) if row.view in VIEWS else -1
    return Crop(sample.image, sample.mask, sample.valid, view)
