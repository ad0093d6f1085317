"""All methods of a category beside each other, on the same animals: what they give, how good it is, what it takes."""

from collections.abc import Mapping, Sequence

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from models.core.category import TruthConfig
from models.core.config import Config
from models.export.abilities import list_abilities
from models.metrics import EvaluationConfig
from models.metrics.baselines import baselines
from models.metrics.resolution import resize_batch
from models.truth.examples import Example, join_examples
from models.truth.held_out import HeldOutAnimals, HeldOutConfig
from storage.store import bundles, layout
from storage.store.locks import hold_lock
from storage.store.references import DatasetRef, ModelRef, Record, digest
from tasks.evaluate import (
    SHAPES,
    name_photos,
    photo_examples,
    score_methods,
    show_found_mask,
    truth_digest,
    truth_source,
)
from tasks.inference.contestants import Contestant, load_contestants, load_starts
from tasks.inference.loading import crop_recipe, recipe_of, setting
from tasks.reports.methods_page import PAGE, Comparison, comparison_files, draw_strips, show_comparison
from tasks.runtime.cost import Cost, measure_cost
from tasks.runtime.devices import Device, acquire_device

TIMED = 4
"""Photos whose answers are timed, the first of which warms up."""


class ComparisonConfig(Config):
    """How methods are compared."""

    scenes: int = Field(default=30, ge=1, description="held-out animals that every method answers")
    shown: int = Field(default=4, ge=1, description="photos with a strip of pictures each, a row for each method")
    panel: int = Field(default=128, ge=16, description="pixels along an edge of a picture in a strip")
    evaluation: EvaluationConfig = Field(default=EvaluationConfig(), description="how the answers are measured")


class ComparisonAbout(Record):
    """What the bundle of a comparison is about."""

    protocol: str
    """Digest of everything that was compared, and how."""


@task(task_run_name="compare-{crops.category}", cache_policy=NO_CACHE)
def compare_methods(
    models: Mapping[str, ModelRef],
    crops: DatasetRef,
    truth: TruthConfig,
    config: ComparisonConfig,
    device: Device = "auto",
) -> str:
    """The page with the models, by their methods' names, beside each other; it is there already if nothing changed.

    `crops` is the data set of the first one, which says how photos are taken and animals cut out.
    """
    folder = layout.comparison(crops.root, crops.category)
    with hold_lock(folder):
        protocol = digest([{name: model.run for name, model in models.items()}, truth, truth_digest(truth), config])
        about = ComparisonAbout(protocol=protocol)
        if bundles.find_intact(folder) is None or bundles.read_about(folder, ComparisonAbout) != about:
            with acquire_device(device) as where:
                comparison = _compare(models, crops, truth, config, where)
            bundles.commit(folder, comparison_files(comparison), about)
    show_comparison(folder, crops.category)
    return layout.member(folder, PAGE)


def _compare(
    models: Mapping[str, ModelRef], crops: DatasetRef, truth: TruthConfig, config: ComparisonConfig, where: str
) -> Comparison:
    contestants, left_out = load_contestants(models, where)
    size = max(contestant.size for contestant in contestants)
    photo = crop_recipe(crops).photos.generator.size
    source = truth_source(truth, crops, HeldOutConfig(scenes=config.scenes, photo=photo, size=size), where)
    examples = photo_examples(crops, size, config.scenes) if source is None else source.examples()
    if isinstance(source, HeldOutAnimals):
        # The true mask would tell more than any photo does.
        examples = [show_found_mask(example, crop_recipe(crops), where) for example in examples]
    here = setting(recipe_of(contestants[0].model), where)
    answering = {contestant.name: contestant.answers for contestant in contestants}
    kept = {name: model for name, model in models.items() if name not in left_out}
    others = load_starts(kept, where) | baselines(
        source.training_shapes(SHAPES) if source else (), here.renderer, here.device
    )
    batch = join_examples(examples[: config.shown])
    with torch.no_grad():
        answers = {name: method.predict(batch) for name, method in answering.items()}
    return Comparison(
        category=crops.category,
        runs={name: model.run for name, model in kept.items()},
        left_out=left_out,
        measured_on=source.name if source else name_photos(crops),
        scores=score_methods({**answering, **others}, examples, config.evaluation),
        abilities={name: list_abilities(answer) for name, answer in answers.items()},
        costs=_costs(contestants, examples, where),
        strips=draw_strips(answers, batch, examples[: config.shown], config.panel),
    )


def _costs(contestants: Sequence[Contestant], examples: Sequence[Example], where: str) -> dict[str, Cost]:
    """Of photos as each of them reads them; a single one is asked about twice."""
    photos = [join_examples([example]) for example in [*examples, examples[0]][:TIMED]]
    return {
        one.name: measure_cost(one.model, one.is_refined, [resize_batch(photo, one.size) for photo in photos], where)
        for one in contestants
    }
