"""Which release answers for a category: the promoted one, else the newest of its main method at the largest scale."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from pydantic import Field

from storage.runs.scores import Score
from storage.store import bundles, files, layout
from storage.store.errors import REMEDY, MissingArtifact
from storage.store.layout import Store
from storage.store.locks import hold_lock
from storage.store.mirror import Mirrored
from storage.store.references import SCALES, Name, Record, ReleaseRef, Scale, Sha256
from storage.store.versions import Versioned, encode, parse

logger = logging.getLogger(__name__)

MAIN_METHOD = "farm3d"
"""The method whose releases answer for a category that names no other."""


class ReleaseAbout(Record):
    """What the bundle of a release is about: how it was made, how good it is, and where it comes from."""

    method: Name
    scale: Scale
    snapshot: int = Field(ge=1, description="what its model learnt from")
    code: str = Field(default="", description="revision of the code that made it")
    weights: dict[str, Sha256] = Field(default={}, description="sha256 of its model's files by their names")
    asked: str = Field(default="", description="digest of how much it shows, and of the scores that it shows")
    order: int = Field(default=0, description="counts the publications of its category; 0 until it is announced")
    scores: dict[str, tuple[Score, ...]] = Field(default={}, description="its own scores by what they are measured on")


@dataclass(frozen=True)
class Release:
    """A whole release."""

    ref: ReleaseRef
    about: ReleaseAbout

    @property
    def name(self) -> str:
        """What asks for it on the command line."""
        return f"{self.ref.category}/{self.ref.run}"


class Promotion(Versioned):
    """Somebody's decision that a release answers for its category until another one is promoted."""

    run: Name
    by: str = Field(description="who decided it")
    at: str = Field(description="when, in UTC")


def announce(release: ReleaseRef) -> None:
    """Write down in its manifest that it is the one that was published last.

    Raises MissingArtifact if it is not committed.
    """
    folder, store = layout.release(release), Store(release.root)
    with hold_lock(layout.releases(release.root, release.category)):
        others = [other for other in published_releases(store, release.category) if other.ref != release]
        last = max((other.about.order for other in others), default=0)
        about = bundles.read_about(folder, ReleaseAbout)
        if about is None:
            raise MissingArtifact(folder, "is not committed", REMEDY)
        if about.order <= last:
            bundles.amend(folder, about.model_copy(update={"order": last + 1}))


def published_releases(store: Store, category: str) -> list[Release]:
    """All whole releases of a category in the order in which they were published, the last one last.

    A damaged one is named in a warning. Raises OtherVersion or CorruptArtifact if one cannot be read.
    """
    releases: list[Release] = []
    for ref in store.releases(category):
        folder = layout.release(ref)
        about = bundles.read_about(folder, ReleaseAbout) if bundles.find_committed(folder) else None
        if about:
            releases.append(Release(ref, about))
        elif files.size(layout.bundle(folder)) is not None:
            _warn_of_damage(folder)
    return sorted(releases, key=lambda release: release.about.order)


@cache
def _warn_of_damage(folder: str) -> None:
    """Once in a process."""
    logger.warning("%s: is damaged and answers nobody; run its category again, or delete it", folder)


def select_release(store: Store, name: str, main_method: str = MAIN_METHOD) -> Release | None:
    """The release that `name` asks for, if there is one: `cow` what answers for it, `cow/RUN` that run's.

    `cow/METHOD` is the one of that method: the promoted one, else the newest at the largest scale.

    What answers is the promoted release, else the newest of the main method at the largest scale. A later one that
    has to stand back is named in a warning.

    Raises MissingArtifact if the promoted release is gone.
    """
    category, _, run = name.partition("/")
    releases = published_releases(store, category)
    if run:
        named = next((release for release in releases if release.ref.run == run), None)
        return named or select_release_of_each_method(store, category, main_method).get(run)
    if promotion := read_promotion(store, category):
        return _promoted(store, category, releases, promotion)
    candidates = [release for release in releases if release.about.method == main_method]
    best = _newest_of_largest_scale(candidates)
    if releases and best != releases[-1]:
        _warn(category, best, releases[-1], main_method)
    return best


def select_release_of_each_method(store: Store, category: str, main_method: str = MAIN_METHOD) -> dict[str, Release]:
    """By its method's name, the release of each method that has one: the promoted one, else as `select_release`.

    The main method is the first, the others follow by their names.
    """
    releases, promotion = published_releases(store, category), read_promotion(store, category)
    chosen: dict[str, Release] = {}
    for method in sorted({release.about.method for release in releases}, key=lambda name: (name != main_method, name)):
        candidates = [release for release in releases if release.about.method == method]
        promoted = [release for release in candidates if promotion and release.ref.run == promotion.run]
        if best := _newest_of_largest_scale(promoted or candidates):
            chosen[method] = best
    return chosen


def _newest_of_largest_scale(releases: list[Release]) -> Release | None:
    return max(reversed(releases), key=lambda release: SCALES.index(release.about.scale), default=None)


def promote_release(store: Store, name: str, by: str) -> Promotion:
    """Decide that the release `cow/RUN` answers for `cow`, whatever its method and scale, until another is promoted.

    Raises ValueError if `name` names no run, MissingArtifact if the run is no whole release.
    """
    category, _, run = name.partition("/")
    releases = published_releases(store, category)
    choices = ", ".join(release.name for release in releases) or f"none; make one with `farm3d run {category}`"
    if not run:
        raise ValueError(f"{name!r} names no run; type `farm3d promote {category}/RUN`; its releases: {choices}")
    if run not in {release.ref.run for release in releases}:
        where = layout.releases(store.root, category)
        raise MissingArtifact(where, f"{run!r} is no release", f"promote one of these: {choices}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    promotion, stored = Promotion(run=run, by=by, at=now), stored_promotion(store, category)
    with hold_lock(stored.url):
        stored.write(encode(promotion))
    return promotion


def read_promotion(store: Store, category: str) -> Promotion | None:
    """The decision that holds now, if there is one."""
    try:
        return stored_promotion(store, category).read()
    except MissingArtifact:
        return None


def stored_promotion(store: Store, category: str) -> Mirrored[Promotion]:
    """The file with the decision, and its copy."""
    where = layout.promotion(store.root, category)
    remedy = f"promote a release again: `farm3d promote {category}/RUN`"
    copy = layout.copy(store.root, category, where)
    return Mirrored(where, copy, lambda data: parse(Promotion, data, where, remedy))


def _promoted(store: Store, category: str, releases: list[Release], promotion: Promotion) -> Release:
    run = promotion.run
    for release in releases:
        if release.ref.run == run:
            logger.info("%s: release %s answers, promoted by %s at %s", category, run, promotion.by, promotion.at)
            return release
    choices = ", ".join(release.name for release in releases) or "delete it, for no release is left"
    what = f"promotes {run!r}, which is no whole release any more"
    remedy = f"promote another with `farm3d promote`: {choices}"
    raise MissingArtifact(layout.promotion(store.root, category), what, remedy)


def _warn(category: str, best: Release | None, later: Release, main_method: str) -> None:
    """Name the later release that does not answer, and why."""
    answers = f"release {best.ref.run} answers" if best else f"no release of {main_method} answers"
    method = later.about.method
    why = (
        "is of a smaller scale"
        if method == main_method
        else f"is of method {method}, and the main one is {main_method}"
    )
    logger.warning("%s: %s; a later one %s, name %s to ask that", category, answers, why, later.name)
