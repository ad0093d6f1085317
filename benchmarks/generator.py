"""Pictures and SDS steps per second of a published model at full size, with random weights, on the device at hand.

    OMP_NUM_THREADS=1 python benchmarks/generator.py sd15 --size 256 --steps 1 --batch 1

Speed depends on shapes alone, not on what the weights know. On a CPU seconds are those of the processor, so that other
work on the machine hardly counts. Drawing is without a safety checker; an SDS step is that of training: encode a batch,
ask the U-Net twice per picture, and bring the gradient back to the pixels.
"""

import logging
import resource
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import torch
from published import MODELS, assembled

from models.embedded.teacher_training import WORDS
from models.embedded.vocabulary import write_vocabulary
from models.generators import StableDiffusion, StableDiffusionConfig

log = logging.getLogger("generator")
PROMPT = "a black cow, side view, walking on grass"


def main() -> None:
    """Log the table."""
    arguments = ArgumentParser()
    arguments.add_argument("model", choices=MODELS)
    arguments.add_argument("--size", type=int, default=512)
    arguments.add_argument("--steps", type=int, default=25)
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--dtype", default="bfloat16" if torch.cuda.is_available() else "float32")
    arguments.add_argument("--runs", type=int, default=1)
    given = arguments.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = StableDiffusionConfig(
        model=given.model, guidance=7.5, size=given.size, steps=given.steps, batch=given.batch, dtype=given.dtype
    )
    with TemporaryDirectory() as words:
        write_vocabulary(WORDS.split(), Path(words))
        pipeline = assembled(MODELS[given.model], Path(words))
    model = StableDiffusion(config, pipeline.to(device, getattr(torch, given.dtype)))
    seeds = list(range(given.batch))
    drawing = seconds(lambda: model.generate([PROMPT] * given.batch, seeds), given.runs, device)
    log.info("%s, %d px, %s, %s", given.model, given.size, given.dtype, _name(device))
    log.info("%.4f pictures/s (%d steps, %d at once)", given.batch / drawing, given.steps, model.batch)
    judging = seconds(lambda: judge(model, given.batch, device), given.runs, device)
    log.info("%.4f SDS steps/s (%d pictures each)", 1 / judging, given.batch)
    log.info("largest memory %.1f GB", _memory(device))


def judge(model: StableDiffusion, count: int, device: torch.device) -> None:
    """What a step of score distillation asks of the teacher."""
    size = model.config.size
    pictures = torch.rand(count, size, size, 3, device=device, requires_grad=True)
    latents = model.encode(pictures)
    t = torch.randint(20, 600, (count,), device=device)
    opinion = model.predict_noise(latents.detach(), t, [PROMPT] * count, 100.0)
    (latents * opinion).sum().backward()


def seconds(act: Callable[[], object], runs: int, device: torch.device) -> float:
    """The mean time of an act; on a GPU after one that is not counted."""
    if device.type == "cuda":
        act()
        torch.cuda.synchronize()
    clock = perf_counter if device.type == "cuda" else process_time
    begin = clock()
    for _ in range(runs):
        act()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - begin) / runs


def _name(device: torch.device) -> str:
    threads = f"cpu, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name() if device.type == "cuda" else threads


def _memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    main()
