"""All methods of a category that have a release, beside each other on one page."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from prefect import flow

from flows.plan.categories import load_category
from models.core.category import TruthConfig
from storage.dataset.pins import pin_category
from storage.runs.releases import MAIN_METHOD, published_releases, select_release_of_each_method
from storage.store.layout import Store
from storage.store.references import DatasetRef, ModelRef
from tasks.contrast import ComparisonConfig, compare_methods
from tasks.runtime.devices import Device


@flow(name="compare", flow_run_name="compare-{category}")
def compare(
    category: str = "cow",
    root: str = "data",
    settings: ComparisonConfig = ComparisonConfig(),  # noqa: B008 - frozen
    device: Device = "auto",
    also: tuple[str, ...] = (),
) -> str:
    """Ask every method with a release about the same animals, and show what each gives, how well, and what it takes.

    What was compared already, and has not changed, is shown again. Nothing is trained.

    Args:
        category: the animal: a name in `flows/categories`, as cow, horse or sheep
        root: folder or address of all data, as data or s3://bucket/farm3d
        settings: how many animals are asked about, how many are shown, and how the answers are measured
        device: where the methods answer: auto takes a GPU where there is one; or cpu, or cuda
        also: releases to stand beside these, by their runs, as meshrcnn-laptop-0123456789abcdef
    """
    with pin_methods(category, root, also) as (models, crops, truth):
        return compare_methods(models, crops, truth, settings, device)


@contextmanager
def pin_methods(
    category: str, root: str, also: Sequence[str] = ()
) -> Generator[tuple[dict[str, ModelRef], DatasetRef, TruthConfig]]:
    """The model of each method by its name, the data set of the first, and the truth of the category.

    `also` names runs whose releases are not those of their methods; each stands under its own name. No data set of the
    category is pruned while the block runs. Raises ValueError where it has no release, or not one of these.
    """
    store, truth = Store(root), load_category(category).truth
    with pin_category(store.root, category):
        releases = select_release_of_each_method(store, category)
        if not releases:
            raise ValueError(
                f"{store.root} has no release of {category}, so there is nothing to compare; make one with "
                f"`farm3d run {category}`, and others with --method, as `farm3d run {category} --method smplify` "
                f"beside {MAIN_METHOD}"
            )
        first = next(iter(releases.values()))
        runs = {method: release.ref.run for method, release in releases.items()}
        known = [release.ref.run for release in published_releases(store, category)]
        if missing := [run for run in also if run not in known]:
            raise ValueError(f"{store.root} has no release {missing[0]} of {category}; choose among {', '.join(known)}")
        runs |= {run: run for run in also if run not in runs.values()}
        models = {name: store.model(category, run) for name, run in runs.items()}
        yield models, store.dataset(category, first.about.snapshot), truth
