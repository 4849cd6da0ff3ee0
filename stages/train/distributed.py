"""Train one trial by several processes that `compute.processes` or torchrun started, each on its part of a batch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

from stages.common.errors import InputError
from stages.networks.distributed import get_rank, get_world_size

# The variable with the address of a file, by which processes that launch.py starts find one another; those of torchrun
# have a server for it.
RENDEZVOUS = "COMPARISON_RENDEZVOUS"


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the process group for a `with` block, if several processes train this trial.

    Args:
        device: where compute.device wants the work.

    Yields:
        The device of this process: the GPU of its local rank, or the CPU.

    Raises:
        InputError: torch cannot exchange gradients on the device, or there are more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    backend = {"cuda": "nccl", "cpu": "gloo"}.get(device.type)
    if backend is None:
        raise InputError(
            f"compute.device = {device.type!r}: several processes can train together on cpu or cuda only; "
            "set compute.processes = 1, and start the training without torchrun"
        )
    if device.type == "cuda":
        device = _choose_gpu(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(
        backend,
        os.environ.get(RENDEZVOUS),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def _choose_gpu(local_rank: int) -> torch.device:
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise InputError(
            f"process {local_rank + 1} of this machine has no GPU: torch sees {count}; let compute.processes, or "
            f"torchrun's --nproc-per-node, be {count} or less"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run a `with` block in the main process, which is that of rank 0, before all others run it."""
    is_shared, is_main = get_world_size() > 1, get_rank() == 0
    if is_shared and not is_main:
        distributed.barrier()
    yield
    if is_shared and is_main:
        distributed.barrier()


def describe_processes() -> dict[str, int]:
    """Return how many processes computed a result, where it was more than one; nothing otherwise."""
    return {"processes": get_world_size()} if get_world_size() > 1 else {}
