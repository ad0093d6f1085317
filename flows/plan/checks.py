"""What a plan would fail on after hours of work, found when it is made: truth and segmenter have to know the animal."""

from pathlib import Path

from flows.plan.categories import category_files, load_category, shown
from models.core.category import BarnyardTruth, Category, FolderTruth
from models.methods import methods
from models.segmenters import PointRendConfig, SegmenterConfig
from models.segmenters.detectron2 import COCO
from models.truth.barnyard import SPECIES
from storage.runs.releases import published_releases
from storage.store.layout import Store


def check_name(category: str, root: str) -> None:
    """Raises ValueError for a category, as cow, cow/RUN or cow/METHOD, that has neither a file nor a release."""
    name, _, other = category.partition("/")
    if name in methods():
        raise ValueError(f"category {category!r} begins with a method; type {other or 'cow'}/{name}")
    if not published_releases(Store(root), name):
        load_category(name)


def check_truth(category: Category) -> None:
    """Raises ValueError where the truth of a category knows no such animal, or its folder is not there."""
    where, truth = _file_of(category), category.truth
    if isinstance(truth, BarnyardTruth) and category.name not in SPECIES:
        raise ValueError(
            f"{where}: truth is barnyard, which keeps no {category.spoken}, only {', '.join(SPECIES)}; take the line "
            "out to measure on photos alone, or give your own: truth: {kind: folder, folder: PATH}"
        )
    if isinstance(truth, FolderTruth) and not Path(truth.folder).is_dir():
        raise ValueError(
            f"{where}: truth.folder is {truth.folder}, and there is no such folder; mend the path, "
            "or take truth out to measure on photos alone"
        )


def check_classes(category: Category, *more: str) -> None:
    """Raises ValueError for a class that is unknown to the embedded segmenter and to COCO, and is none of `more`."""
    known = dict.fromkeys((*PointRendConfig().classes(), *COCO, *more))
    if foreign := [name for name in category.segment_as if name not in known]:
        raise ValueError(
            f"{_file_of(category)}: segment_as is {', '.join(foreign)}, which no segmenter knows; "
            f"name what {category.spoken} pictures look like, among {', '.join(known)}"
        )


def known_classes(category: Category, segmenter: SegmenterConfig) -> tuple[str, ...]:
    """The classes of the category that its segmenter knows, so that one file serves a small and a large segmenter.

    Raises ValueError where it knows none of them, or where no segmenter knows one of them.
    """
    known = segmenter.classes()
    if known is None:
        return category.segment_as
    check_classes(category, *known)
    chosen = tuple(name for name in category.segment_as if name in known)
    if not chosen:
        raise ValueError(
            f"{_file_of(category)}: segment_as is {', '.join(category.segment_as)}; the segmenter `{segmenter.kind}` "
            f"of this plan knows {', '.join(known)}; name what {category.spoken} pictures look like, "
            f"as segment_as: [{', '.join(known[:3])}], or take --scale gpu, whose segmenter knows more"
        )
    return chosen


def _file_of(category: Category) -> str:
    file = category_files().get(category.name)
    return shown(file) if file else f"category {category.name}"
