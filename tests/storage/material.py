"""Small samples, and what became of them on the disk."""

import os

import numpy as np

from storage.dataset.encoding import Sample
from storage.dataset.records import Duplicates, SampleRow, content_key, split_of
from storage.runs.releases import ReleaseAbout, announce
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import ReleaseRef

ABOUT = {"method": "farm3d", "scale": "laptop", "snapshot": 1}
"""What a release is about."""
RECIPE = {"generator": "drawn", "size": 16}


def row(seed: int, **changes: object) -> SampleRow:
    key = content_key("cow", "0123", "a brown cow", seed)
    plain = {
        "key": key,
        "category": "cow",
        "prompt": "a brown cow",
        "view": ("front", "side", "back")[seed % 3],
        "seed": seed,
        "model": "drawn",
        "model_digest": "0123",
        "photo_width": 32,
        "photo_height": 32,
        "box": (-4, 2, 16, 16),
        "scores": {"mask_area": 0.25, "detection": 0.1 + seed},
        "split": split_of(key),
    }
    return SampleRow.model_validate(plain | changes)


def sample(seed: int, **changes: object) -> Sample:
    random = np.random.default_rng(seed)
    smooth = np.linspace(0, 255, 16)[:, None, None] * np.ones((16, 16, 3)) / (1 + seed % 4)
    return Sample(row(seed, **changes), smooth.astype(np.uint8), random.random((16, 16)) > 0.5)


def publish(store: Store, run: str, **changes: object) -> ReleaseRef:
    """A release of one file, announced."""
    release = store.release("cow", run)
    bundles.commit(layout.release(release), {"cow-1.glb": b"a cow"}, ReleaseAbout.model_validate(ABOUT | changes))
    announce(release)
    return release


def samples(count: int = 5, first: int = 0) -> list[Sample]:
    """`count` attempts, the last of which was dropped."""
    *kept, last = range(first, first + count)
    return [*map(sample, kept), Sample(row(last, kept=False, reason="too small"))]


def duplicates(key: str) -> Duplicates:
    """A verdict that one sample shows nothing new."""
    return Duplicates(resembles={key: "another"})


def contents(folder: str) -> dict[str, bytes]:
    """Every file but locks and unfinished ones."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in (name for name in names if not name.startswith(".")):
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def flip(path: str, place: int) -> None:
    """Change one bit of a file."""
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
