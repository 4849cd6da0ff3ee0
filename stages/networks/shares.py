"""A batch shared among processes: each draws, sees and sums its part as one process would the whole.

Where no process group has been set up, the share is the batch and nothing is sent.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather, all_reduce


def count_processes() -> int:
    """Count the processes that share every batch; 1 unless torch.distributed has been set up."""
    return distributed.get_world_size() if _is_shared() else 1


def find_rank() -> int:
    """Return this process's place among those that share every batch, from 0; 0 writes the files."""
    return distributed.get_rank() if _is_shared() else 0


def _is_shared() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def draw_share(draw: Callable[[int], Tensor], count: int) -> Tensor:
    """Draw random numbers for this process's `count` images as a part of those of the whole batch.

    All processes draw the whole batch's from equal sources, so that together they hold what one process would
    have drawn, and their sources stay equal.

    Args:
        draw: draws for as many images as it is told; float [N, ...].
        count: this process's images.

    Returns:
        float [count, ...].
    """
    rank = find_rank()
    return draw(count * count_processes())[rank * count : (rank + 1) * count]


def gather_shares(share: Tensor) -> Tensor:
    """Join the shares float [N, ...] of all processes: float [N * processes, ...]; gradients flow back."""
    if not _is_shared():
        return share
    parts = all_gather(share.contiguous())
    return torch.cat(list(parts))


def average(values: Tensor) -> Tensor:
    """Average `values` over the processes; gradients flow back."""
    if not _is_shared():
        return values
    total: Tensor = all_reduce(values.contiguous())
    return total / count_processes()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch, of which every process holds an equal share.

    torch's SyncBatchNorm does this on GPUs alone. The deviations are averaged after the mean, as squares less a
    squared mean would cancel in float32.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over N, of all processes, H and W."""
        if not self.training:
            return super().forward(maps)
        wide = maps.float()
        mean = average(wide.mean((0, 2, 3)))
        deviations = wide - mean.view(1, -1, 1, 1)
        variance = average(deviations.square().mean((0, 2, 3)))
        self._follow(mean.detach(), variance.detach(), len(maps) * maps[0, 0].numel() * count_processes())
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        normalised = deviations * scale.view(1, -1, 1, 1)
        if self.bias is not None:
            normalised = normalised + self.bias.view(1, -1, 1, 1)
        return normalised.to(maps.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, the variance without bias, as torch's batch norm does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / (count - 1), share)


def share_batch_norms(module: nn.Module) -> None:
    """Have every BatchNorm2d inside `module` use the whole batch's statistics, where processes share batches."""
    if not _is_shared():
        return
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            # The same parameters, buffers and names: only the statistics' reach changes.
            layer.__class__ = SharedBatchNorm
