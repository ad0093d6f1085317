"""Which release of a category answers for it: the newest of those of the largest scale, or the one that is named."""

import logging

from storage.store import bundles, files, layout
from storage.store.errors import MissingArtifact
from storage.store.layout import Store
from storage.store.locks import locked
from storage.store.references import ReleaseRef

logger = logging.getLogger(__name__)


def announce(release: ReleaseRef) -> None:
    """Write down that it is the one that was published last."""
    where = layout.published(release.root, release.category)
    with locked(where):
        runs = [run for run in _announced(where) if run != release.run]
        files.put(where, "".join(f"{run}\n" for run in (*runs, release.run)).encode())


def published(store: Store, category: str) -> list[ReleaseRef]:
    """All whole releases of a category in the order in which they were published, the last one last."""
    order = {run: place for place, run in enumerate(_announced(layout.published(store.root, category)))}
    whole = [each for each in store.releases(category) if bundles.committed(layout.release(each))]
    return sorted(whole, key=lambda each: order.get(each.run, -1))


def wanted(store: Store, name: str) -> ReleaseRef | None:
    """The release that `name` asks for, if there is one: `cow` the best of its category, `cow/laptop-0123` that run's.

    A larger scale is better, whenever it was published; a later one that has to stand back for it is told.
    """
    category, _, run = name.partition("/")
    found = published(store, category)
    if run:
        return next((each for each in found if each.run == run), None)
    best = max(reversed(found), key=lambda each: each.scale, default=None)
    if best and best != found[-1]:
        told = "%s: release %s answers; a later one is of a smaller scale, name %s/%s to ask that"
        logger.warning(told, category, best.run, category, found[-1].run)
    return best


def _announced(where: str) -> list[str]:
    try:
        return files.get(where).decode().split()
    except MissingArtifact:
        return []
