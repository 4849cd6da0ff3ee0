"""Training by several processes, each of which holds an equal share of every batch.

Together they compute what one process would compute from the whole batch. Without an initialised process group, the
share is the whole batch, and no communication takes place.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather, all_reduce


def get_world_size() -> int:
    """Return the number of processes that share every batch; it is 1 without a process group."""
    return distributed.get_world_size() if _is_initialized() else 1


def get_rank() -> int:
    """Return the rank of this process, from 0; the process of rank 0 writes the files."""
    return distributed.get_rank() if _is_initialized() else 0


def _is_initialized() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def sample_local_share(sample: Callable[[int], Tensor], count: int) -> Tensor:
    """Sample random numbers for the whole batch and return this process's share.

    All processes sample the whole batch from generators in the same state. Together they then hold the numbers that one
    process would have sampled, and their generators stay in the same state.

    Args:
        sample: returns float [N, ...] when called with a number of images N.
        count: the number of this process's images.

    Returns:
        float [count, ...].
    """
    rank = get_rank()
    return sample(count * get_world_size())[rank * count : (rank + 1) * count]


def all_gather_batch(share: Tensor) -> Tensor:
    """Concatenate the shares float [N, ...] of all processes to float [N * processes, ...]; gradients flow back."""
    if not _is_initialized():
        return share
    shares = all_gather(share.contiguous())
    return torch.cat(list(shares))


def all_reduce_mean(values: Tensor) -> Tensor:
    """Average a tensor over the processes; gradients flow back."""
    if not _is_initialized():
        return values
    total: Tensor = all_reduce(values.contiguous())
    return total / get_world_size()


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch; unlike torch's SyncBatchNorm it also runs on CPUs.

    The variance is the mean of the squared deviations. The mean of the squares less the square of the mean would
    cancel in float32.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over H, W and the N of all processes."""
        if not self.training:
            return super().forward(maps)
        float_maps = maps.float()
        mean = all_reduce_mean(float_maps.mean((0, 2, 3)))
        centred = float_maps - mean.view(1, -1, 1, 1)
        variance = all_reduce_mean(centred.square().mean((0, 2, 3)))
        count = len(maps) * maps[0, 0].numel() * get_world_size()
        self._update_running_statistics(mean.detach(), variance.detach(), count)
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        normalised = centred * scale.view(1, -1, 1, 1)
        if self.bias is not None:
            normalised = normalised + self.bias.view(1, -1, 1, 1)
        return normalised.to(maps.dtype)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running mean and the running unbiased variance as torch's batch norm does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / (count - 1), momentum)


def convert_sync_batch_norms(module: nn.Module) -> None:
    """Turn every BatchNorm2d in a module into a SyncBatchNorm2d if several processes share the batch."""
    if not _is_initialized():
        return
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            # Changing the class keeps the parameters, the buffers and their names.
            layer.__class__ = SyncBatchNorm2d
