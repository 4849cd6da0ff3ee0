"""Several processes that train one trial together, each on its share of every batch, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

from stages.networks.distributed import get_rank, get_world_size


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it started this one and others; leave them at the end.

    Args:
        device: where compute.device wants the work.

    Yields:
        This process's own device: the GPU of its local rank, or the CPU.

    Raises:
        ValueError: the device has no way to exchange gradients, or there are more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    backend = {"cuda": "nccl", "cpu": "gloo"}.get(device.type)
    if backend is None:
        raise ValueError(
            f"compute.device = {device.type!r}: several processes can share a trial on cpu or cuda only; "
            "start it without torchrun"
        )
    if device.type == "cuda":
        device = _choose_gpu(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(backend)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def _choose_gpu(local_rank: int) -> torch.device:
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise ValueError(
            f"this machine has {count} GPUs: start torchrun with --nproc-per-node {count} or less"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


@contextmanager
def main_process_first() -> Iterator[None]:
    """Let the first process go through a `with` block before all others."""
    shared, is_first = get_world_size() > 1, get_rank() == 0
    if shared and not is_first:
        distributed.barrier()
    yield
    if shared and is_first:
        distributed.barrier()


def describe_processes() -> dict[str, int]:
    """Name how many processes computed a result, where it was more than one."""
    return {"processes": get_world_size()} if get_world_size() > 1 else {}
