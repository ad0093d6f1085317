"""Training in several processes: each computes its part of every batch, and all step with the mean of their gradients.

The process of rank 0 reports and keeps checkpoints; the others keep nothing. Nothing but numbers travels between them,
over the loopback interface. Outside of `process_group`, a process is alone, and not a bit is different.
"""

import os
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def process_count() -> int:
    """Processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def process_rank() -> int:
    """The number of this process among them, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def process_group(rank: int, count: int, meeting: Path, device: torch.device) -> Generator[None]:
    """Be one of `count` processes while the block runs; `meeting` is a new file that all of them can write.

    On GPUs they talk by NCCL, else by gloo.
    """
    os.environ.update(GLOO_SOCKET_IFNAME=LOOPBACK, NCCL_SOCKET_IFNAME=LOOPBACK)
    backend = "nccl" if device.type == "cuda" else "gloo"
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        # A public class that torch forgets to export.
        store = dist.FileStore(str(meeting), count)  # pyright: ignore[reportPrivateImportUsage]
        dist.init_process_group(backend, store=store, rank=rank, world_size=count)
        try:
            yield
        finally:
            dist.destroy_process_group()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give every parameter the mean of its gradients in all processes.

    One without a gradient in some of them counts as 0 there; one without any in all of them stays without.
    """
    if process_count() == 1:
        return
    parameters = list(parameters)
    gradients = [each.new_zeros(each.shape) if each.grad is None else each.grad for each in parameters]
    present = torch.tensor([each.grad is not None for each in parameters]).to(gradients[0])
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), present])
    dist.all_reduce(flat)
    *sums, present = flat.split([*(gradient.numel() for gradient in gradients), len(parameters)])
    for parameter, total, processes in zip(parameters, sums, present.tolist(), strict=True):
        if processes:
            parameter.grad = (total / process_count()).view_as(parameter)


def average_values(values: Mapping[str, Float[Tensor, ""] | float]) -> dict[str, Float[Tensor, ""] | float]:
    """The mean of each value over all processes; as they are where a process is alone."""
    if process_count() == 1:
        return {**values}
    where = _meeting_device()
    numbers = torch.stack([torch.as_tensor(value, dtype=torch.float32, device=where) for value in values.values()])
    dist.all_reduce(numbers)
    return dict(zip(values, numbers / process_count(), strict=True))


def start_together(modules: Iterable[nn.Module], step: int) -> None:
    """Give all processes the weights of rank 0. Raises RuntimeError where they have not come to the same step."""
    if process_count() == 1:
        return
    steps = torch.zeros(process_count(), dtype=torch.int64, device=_meeting_device())
    steps[process_rank()] = step
    dist.all_reduce(steps)
    if len(set(steps.tolist())) > 1:
        raise RuntimeError(
            f"the processes go on from checkpoints of steps {', '.join(map(str, steps.tolist()))}; "
            "run it again, and all of them read the newest"
        )
    for module in modules:
        for value in module.state_dict().values():
            dist.broadcast(value, src=0)


def _meeting_device() -> torch.device:
    """Where numbers that are no gradients are added up."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
