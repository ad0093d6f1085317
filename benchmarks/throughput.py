"""Writing and reading photos of 256 px: our shards beside a bare WebDataset writer and img2dataset's sample writer.

    python benchmarks/throughput.py [COUNT] [RUNS] [PYTHON]

All get the same pixels and encode them alike. Ours checks every sample, digests image, tar and table, writes a Parquet
index, flushes to the disk and takes the lock; the reader checks all of it again.
PYTHON is the interpreter of an environment with img2dataset (it needs another webdataset than ours), if there is one.
Contestants take turns; times are processor times, so that other programs count less, and wall times.
"""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
from PIL import Image

log = logging.getLogger("throughput")
SIZE, SHARD, DISTINCT = 256, 500, 50


def photos() -> list[np.ndarray]:
    """Smooth colours with grain: as large as photos when they are encoded."""
    random = np.random.default_rng(0)
    smooth = (random.integers(0, 255, (12, 12, 3)).astype(np.uint8) for _ in range(DISTINCT))
    large = (np.array(Image.fromarray(each).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for each in smooth)
    return [np.clip(each + random.normal(0, 6, each.shape), 0, 255).astype(np.uint8) for each in large]


def jpeg(pixels: np.ndarray) -> bytes:
    """As our shards encode them."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def meta(number: int) -> dict[str, object]:
    """What everybody writes down of a photo."""
    return {"key": f"cow-{number:08d}", "prompt": "a photo of a brown cow", "seed": number, "width": SIZE}


def shares(count: int) -> Iterator[tuple[int, range]]:
    """Shards and the numbers of their photos."""
    return ((index, range(start, min(start + SHARD, count))) for index, start in enumerate(range(0, count, SHARD)))


def write_ours(pixels: list[np.ndarray], count: int, folder: Path) -> None:
    """Committed shards."""
    from storage.dataset import shards
    from storage.dataset.encoding import Sample
    from storage.dataset.records import SampleRow
    from storage.store.layout import Store
    from storage.store.references import digest

    recipe = {"benchmark": "throughput"}
    for index, numbers in shares(count):
        samples = (
            Sample(
                SampleRow(
                    key=f"cow-{number:08d}",
                    category="cow",
                    prompt="a photo of a brown cow",
                    seed=number,
                    model="drawn",
                    model_digest="0",
                    photo_width=SIZE,
                    photo_height=SIZE,
                ),
                pixels[number % DISTINCT],
            )
            for number in numbers
        )
        shards.write(Store(str(folder)).curated("cow", digest(recipe), index), samples, recipe)


def read_ours(count: int, folder: Path) -> int:
    """Every photo of every shard, checked and decoded."""
    from storage.dataset import samples
    from storage.store.layout import Store
    from storage.store.references import digest

    store, recipe = Store(str(folder)), digest({"benchmark": "throughput"})
    found = (samples.of_shard(store.curated("cow", recipe, index)) for index, _ in shares(count))
    return sum(int(each.image is not None) for some in found for each in some)


def write_bare(pixels: list[np.ndarray], count: int, folder: Path) -> None:
    """Tars and nothing else."""
    from webdataset.writer import TarWriter

    for index, numbers in shares(count):
        with TarWriter(str(folder / f"{index:05d}.tar")) as writer:
            for number in numbers:
                described = json.dumps(meta(number)).encode()
                writer.write({"__key__": f"{number:08d}", "jpg": jpeg(pixels[number % DISTINCT]), "json": described})


def read_bare(count: int, folder: Path) -> int:
    """Every photo of every tar, decoded."""
    from webdataset.compat import WebDataset

    urls = [str(folder / f"{index:05d}.tar") for index, _ in shares(count)]
    found: Any = WebDataset(urls, shardshuffle=False).decode("rgb8")
    return sum(int(each["jpg"] is not None) for each in found)


def write_img2dataset(pixels: list[np.ndarray], count: int, folder: Path) -> None:
    """Tars with a Parquet table each; runs in the other environment."""
    import pyarrow as pa
    from img2dataset.writer import WebDatasetSampleWriter  # pyright: ignore[reportMissingImports]

    schema = pa.schema([("key", pa.string()), ("prompt", pa.string()), ("seed", pa.int64()), ("width", pa.int64())])
    for index, numbers in shares(count):
        writer = WebDatasetSampleWriter(index, str(folder), False, 5, schema, "jpg")
        for number in numbers:
            writer.write(jpeg(pixels[number % DISTINCT]), f"{number:08d}", None, meta(number))
        writer.close()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds."""
    start, wall = process_time(), perf_counter()
    work()
    return process_time() - start, perf_counter() - wall


def main(count: int, runs: int, python: str | None) -> None:
    """Log a line per contestant."""
    pixels = photos()
    taken: dict[str, list[tuple[float, float]]] = {}
    with TemporaryDirectory() as ours, TemporaryDirectory() as bare:  # the libraries are loaded at their first use
        write_ours(pixels, 1, Path(ours))
        read_ours(1, Path(ours))
        write_bare(pixels, 1, Path(bare))
        read_bare(1, Path(bare))
    for _ in range(runs):
        with TemporaryDirectory() as ours, TemporaryDirectory() as bare, TemporaryDirectory() as other:
            steps = {
                "write ours": lambda place=ours: write_ours(pixels, count, Path(place)),
                "write bare": lambda place=bare: write_bare(pixels, count, Path(place)),
                "read ours": lambda place=ours: read_ours(count, Path(place)),
                "read bare": lambda place=bare: read_bare(count, Path(place)),
            }
            for name, work in steps.items():
                taken.setdefault(name, []).append(timed(work))
            if python:
                command = [python, __file__, "img2dataset", str(count), other]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                processor, wall = map(float, told.split()[-2:])
                taken.setdefault("write img2dataset", []).append((processor, wall))
    for name, times in taken.items():
        beside = taken[name.split()[0] + " bare"]
        ratio = median(one[0] / other[0] for one, other in zip(times, beside, strict=True))
        processor, wall = (median(each) for each in zip(*times, strict=True))
        log.info("%-18s %7.1f /s processor %7.1f /s wall  ratio %.3f", name, count / processor, count / wall, ratio)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    if sys.argv[1:2] == ["img2dataset"]:
        drawn = photos()
        write_img2dataset(drawn, 1, Path(sys.argv[3]))
        spent = timed(lambda: write_img2dataset(drawn, int(sys.argv[2]), Path(sys.argv[3])))
        sys.stdout.write(f"{spent[0]} {spent[1]}\n")
    else:
        given = [*sys.argv[1:], *("10000", "3", "")[len(sys.argv) - 1 :]]
        main(int(given[0]), int(given[1]), given[2] or None)
