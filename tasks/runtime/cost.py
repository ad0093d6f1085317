"""What an answer costs: measured in a process that does nothing but answer photos, one at a time."""

import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Event, Thread

import numpy as np
import psutil
import torch

from models.data.batch import Batch
from models.rendering.reconstruction import Reconstructor
from storage.store.references import ModelRef
from tasks.inference.loading import reconstructor
from tasks.runtime.devices import configure_process, torch_device
from tasks.runtime.peers import end_with_parent

SAMPLE_SECONDS = 0.01
"""How often the memory of the process is read while it answers."""


@dataclass(frozen=True)
class Cost:
    """Of one photo."""

    seconds: float
    """Median after the first photo: of one core without a GPU, else of the clock."""
    memory_mb: float
    """Most that the process held while it loaded the model and answered."""
    idle_mb: float
    """What it held before, with all libraries imported."""
    gpu_mb: float | None = None
    """Most of the GPU's memory that tensors took."""


def measure_cost(model: ModelRef, refine: bool, photos: Sequence[Batch], where: str) -> Cost:
    """What a finished model takes for each of these photos, at least two batches of one, on a device.

    Raises RuntimeError if the process that answers them fails.
    """
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    # Pickled as arrays: tensors would be shared through files, which counts as memory.
    arrays = [(photo.image.numpy(), photo.mask.numpy(), photo.valid.numpy()) for photo in photos]
    process = spawn.Process(target=_send_cost, args=(model, refine, arrays, where, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        answer = ours.recv()
    except EOFError as error:
        process.join()
        message = f"{model.run}: the process that answered photos ended with exit code {process.exitcode}"
        raise RuntimeError(message) from error
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, Cost):
        return answer
    raise RuntimeError(f"{model.run}: the process that answered photos failed: {answer}")


def answer_photos(model: ModelRef, refine: bool, photos: Sequence[Batch], where: str) -> Cost:
    """Load the model and answer the photos here, the first of them to warm up."""
    gc.collect()
    process, stop = psutil.Process(), Event()
    peaks = [process.memory_info().rss]

    def watch() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            peaks.append(max(peaks.pop(), process.memory_info().rss))

    idle, watcher = peaks[0], Thread(target=watch, daemon=True)
    watcher.start()
    try:
        method = reconstructor(model, where, refine)
        seconds = [_seconds(method, photo, where) for photo in photos]
    finally:
        stop.set()
        watcher.join()
    on_gpu = torch_device(where).type == "cuda"
    gpu = torch.cuda.max_memory_allocated(torch_device(where)) / 1e6 if on_gpu else None
    return Cost(statistics.median(seconds[1:]), peaks[0] / 1e6, idle / 1e6, gpu)


def _seconds(method: Reconstructor, photo: Batch, where: str) -> float:
    """Until the surface of one photo is there: processor time on a core, which others may want as well."""
    device = torch_device(where)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    with torch.no_grad():
        method.predict(photo).mesh(0)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def _send_cost(
    model: ModelRef, refine: bool, arrays: Sequence[tuple[np.ndarray, ...]], where: str, to: Connection
) -> None:
    """What the other process does."""
    Thread(target=end_with_parent, daemon=True).start()
    configure_process()
    photos = [_batch(*map(torch.from_numpy, photo)) for photo in arrays]
    try:
        to.send(answer_photos(model, refine, photos, where))
    except Exception as error:
        to.send(f"{type(error).__name__}: {error}")
        raise


def _batch(image: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> Batch:
    """One photo of which nothing else is known."""
    return Batch(image, mask, valid, None, view=torch.tensor([-1]), index=torch.tensor([0]))
