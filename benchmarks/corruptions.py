"""What becomes of a finished farm when one of its files is damaged: is it told, and what mends it?

    OMP_NUM_THREADS=1 python -m benchmarks.corruptions FOLDER

Makes a small farm in FOLDER (drawn photos, a model of four steps, a release) and damages one file of each kind in each
way: a bit is flipped, a digit is another one, half is cut off, the file is deleted. Then `farm3d verify` looks, the
category runs again, and, where that did not bring everything back, `farm3d verify --repair` and another run. Logs a
Markdown row for each, and exits with 1 where something that anybody needs stayed damaged.
"""

import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from models.core.category import NoTruth
from models.features import VitConfig
from models.generators import StableDiffusionConfig
from models.segmenters import PointRendConfig
from storage.runs.releases import promote_release
from storage.runs.run_faults import find_faults
from storage.store.errors import StorageError
from storage.store.layout import Store
from tasks.evaluate import evaluate
from tasks.publish import ReleaseConfig, publish
from tasks.shard import shard
from tests.storage.material import flip
from tests.tasks.material import ALIKE, CONFIG, HELD_OUT, Drawn, Red, made, tiny_model, tiny_vit, trained

log = logging.getLogger("corruptions")
RELEASE = ReleaseConfig(assets=1, film=32, frames=2, texture=32)
STAGE = "runs/*/stages/animal"
KINDS = {
    "photos": "raw/*/00000.tar",
    "index of photos": "raw/*/00000.parquet",
    "manifest of photos": "raw/*/00000.json",
    "crops": "curated/*/00001.tar",
    "index of crops": "curated/*/00001.parquet",
    "manifest of crops": "curated/*/00001.json",
    "snapshot": "snapshots/000001.json",
    "page of a snapshot": "snapshots/pages/*.json",
    "copy of a snapshot": "copies/snapshots/000001.json",
    "start of a run": "runs/*/config.json",
    "journal": f"{STAGE}/metrics.jsonl",
    "panel": f"{STAGE}/panels/*.png",
    "newest checkpoint": f"{STAGE}/checkpoints/step-00000004.pt",
    "its manifest": f"{STAGE}/checkpoints/step-00000004.json",
    "older checkpoint": f"{STAGE}/checkpoints/step-00000002.pt",
    "weights": f"{STAGE}/animal.safetensors",
    "manifest of a stage": f"{STAGE}/manifest.json",
    "recipe of a model": "runs/*/model/recipe.json",
    "manifest of a model": "runs/*/model/manifest.json",
    "table of an evaluation": "runs/*/evaluation/generated-photos*.json",
    "manifest of an evaluation": "runs/*/evaluation/manifest.json",
    "GLB of a release": "releases/*/cow-1.glb",
    "report of a release": "releases/*/report.html",
    "manifest of a release": "releases/*/manifest.json",
    "promotion": "releases/PROMOTED",
}
"""Files by what they are; the first that fits is damaged."""
USED_UP = {"panel", "newest checkpoint", "its manifest", "older checkpoint"}
"""Nothing reads them once a run is over, and nothing makes them again."""


class Outcome(NamedTuple):
    """What became of a damaged file."""

    verified: bool
    """Whether `farm3d verify` named it."""
    mended: str
    """What brought it back: nothing, a run, a repair, or a repair and a run."""
    answer: str
    """What the run said where it failed."""


def turn_digit(path: Path) -> None:
    """Make the middle one of the digits another one."""
    data = bytearray(path.read_bytes())
    digits = [match.start() for match in re.finditer(rb"[0-9]", data)]
    place = digits[len(digits) // 2]
    data[place] = ord("0") + (data[place] - ord("0") + 1) % 10
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Cut off the second half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


WAYS: dict[str, Callable[[Path], None]] = {
    "bit": lambda path: flip(str(path), path.stat().st_size // 2),
    "digit": turn_digit,
    "half": truncate,
    "deleted": lambda path: path.unlink(),
}


def cases() -> Iterator[tuple[str, str]]:
    """Every kind of file in every way it can be damaged; only text has digits."""
    for kind, pattern in KINDS.items():
        text = Path(pattern).suffix in {".json", ".jsonl", ".html", ""}
        yield from ((kind, way) for way in WAYS if text or way != "digit")


def run(root: Path, vit: VitConfig) -> None:
    """What `farm3d run` does, by small parts; what is there is used again."""
    store = Store(str(root))
    parts = {StableDiffusionConfig: Drawn(), PointRendConfig: Red()}
    with (
        patch("tasks.generate.cached_model", lambda config, where: parts[type(config)]),
        patch("tasks.segment.cached_model", lambda config, where: parts[type(config)]),
    ):
        crops = shard.fn(made(store, 2), 12, ALIKE, "cpu")
    model = trained(store.model("cow", "tiny"), crops, tiny_model(vit))
    evaluate.fn([model], crops, NoTruth(), HELD_OUT, CONFIG, "cpu")
    publish.fn(model, crops, RELEASE, "smoke", "cpu")


def make(root: Path, vit: VitConfig) -> None:
    """The farm before anything is damaged."""
    run(root, vit)
    promote_release(Store(str(root)), "cow/tiny", by="benchmark")


def play(root: Path, vit: VitConfig, kind: str, way: str) -> Outcome:
    """Damage a file of a finished farm, and see what becomes of it."""
    (path, *_) = sorted((root / "cow").glob(KINDS[kind]))
    whole = _contents(root)
    WAYS[way](path)
    verified = any(fault.where.startswith(str(path.parent)) for fault in find_faults(Store(str(root)), "cow"))
    answer = _answer(root, vit)
    if _is_whole(root, whole):
        return Outcome(verified, "a run", answer)
    for fault in find_faults(Store(str(root)), "cow"):
        if fault.mend:
            fault.mend()
    if _is_whole(root, whole):
        return Outcome(verified, "a repair", answer)
    answer = _answer(root, vit)
    is_clean = not list(find_faults(Store(str(root)), "cow"))
    mended = "a repair and a run" if _is_whole(root, whole) else "a repair, for nobody needs it" if is_clean else ""
    return Outcome(verified, mended, answer)


def _answer(root: Path, vit: VitConfig) -> str:
    try:
        run(root, vit)
    except StorageError as error:
        return str(error)
    return ""


def _is_whole(root: Path, whole: dict[str, bytes]) -> bool:
    """Whether every file is as it was."""
    now = _contents(root)
    return all(now.get(name) == data for name, data in whole.items())


def _contents(root: Path) -> dict[str, bytes]:
    """Every file but locks and unfinished ones."""
    paths = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def main(folder: Path) -> int:
    """Log the table; the number of rows that are as they should not be."""
    farm, damaged, wrong = folder / "farm", folder / "damaged", 0
    vit = tiny_vit(folder / "vit")
    make(farm, vit)
    log.info("| file | damage | told by verify | brought back by |\n|---|---|---|---|")
    for kind, way in cases():
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(farm, damaged)
        outcome = play(damaged, vit, kind, way)
        wrong += not (outcome.mended or kind in USED_UP)
        log.info("| %s | %s | %s | %s |", kind, way, outcome.verified, outcome.mended or outcome.answer or "nothing")
    return wrong


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s", force=True)
    log.setLevel(logging.INFO)
    logging.getLogger("storage").setLevel(logging.ERROR)
    sys.exit(bool(main(Path(sys.argv[1]).resolve())))
