"""A batch shared among processes: each draws, sees and sums its part as one process would the whole.

Where no process group has been set up, the share is the batch and nothing is sent.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather, all_reduce


def get_world_size() -> int:
    """Count the processes that share every batch; 1 unless torch.distributed has been set up."""
    return distributed.get_world_size() if _is_initialized() else 1


def get_rank() -> int:
    """Return this process's place among those that share every batch, from 0; 0 writes the files."""
    return distributed.get_rank() if _is_initialized() else 0


def _is_initialized() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def sample_local_share(draw: Callable[[int], Tensor], count: int) -> Tensor:
    """Draw random numbers for this process's `count` images as a part of those of the whole batch.

    All processes draw the whole batch's from equal sources, so that together they hold what one process would
    have drawn, and their sources stay equal.

    Args:
        draw: draws for as many images as it is told; float [N, ...].
        count: this process's images.

    Returns:
        float [count, ...].
    """
    rank = get_rank()
    return draw(count * get_world_size())[rank * count : (rank + 1) * count]


def all_gather_batch(share: Tensor) -> Tensor:
    """Join the shares float [N, ...] of all processes: float [N * processes, ...]; gradients flow back."""
    if not _is_initialized():
        return share
    parts = all_gather(share.contiguous())
    return torch.cat(list(parts))


def all_reduce_mean(values: Tensor) -> Tensor:
    """Average `values` over the processes; gradients flow back."""
    if not _is_initialized():
        return values
    total: Tensor = all_reduce(values.contiguous())
    return total / get_world_size()


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch, of which every process holds an equal share.

    torch's SyncBatchNorm does this on GPUs alone. The deviations are averaged after the mean, as squares less a
    squared mean would cancel in float32.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over N, of all processes, H and W."""
        if not self.training:
            return super().forward(maps)
        wide = maps.float()
        mean = all_reduce_mean(wide.mean((0, 2, 3)))
        deviations = wide - mean.view(1, -1, 1, 1)
        variance = all_reduce_mean(deviations.square().mean((0, 2, 3)))
        self._update_running_statistics(
            mean.detach(), variance.detach(), len(maps) * maps[0, 0].numel() * get_world_size()
        )
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        normalised = deviations * scale.view(1, -1, 1, 1)
        if self.bias is not None:
            normalised = normalised + self.bias.view(1, -1, 1, 1)
        return normalised.to(maps.dtype)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, the variance without bias, as torch's batch norm does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / (count - 1), share)


def convert_sync_batch_norms(module: nn.Module) -> None:
    """Have every BatchNorm2d inside `module` use the whole batch's statistics, where processes share batches."""
    if not _is_initialized():
        return
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            # The same parameters, buffers and names: only the statistics' reach changes.
            layer.__class__ = SyncBatchNorm2d
