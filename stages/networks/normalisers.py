"""Batch norm and layer norm of a discriminator, each with an offset per channel and no gain.

Miyato et al. 2018, section 4, removed the gain (gamma) from the discriminators that it compares, because the gain
would let them violate the Lipschitz condition openly.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.distributed import all_reduce_mean, get_world_size
from stages.networks.memory_format import is_channels_last
from stages.networks.precision import full_precision

EPSILON = 1e-5


class BatchNormWithoutGain(nn.Module):
    """Batch normalisation that always uses the statistics of the batch; it keeps no running statistics."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over N, H and W."""
        if get_world_size() > 1:
            return self._normalise_over_processes(maps)
        # On CUDA the backward pass allocates the gradient of the offset like the gain, so it needs a gain of ones.
        gain = torch.ones_like(self.offset) if maps.is_cuda else None
        return functional.batch_norm(maps, None, None, gain, self.offset, training=True, eps=EPSILON)

    def _normalise_over_processes(self, maps: Tensor) -> Tensor:
        """Normalise this process's share of the batch by the statistics of the whole batch."""
        float_maps = maps.float()
        centred = float_maps - all_reduce_mean(float_maps.mean((0, 2, 3))).view(1, -1, 1, 1)
        variance = all_reduce_mean(centred.square().mean((0, 2, 3)))
        normalised = centred * (variance + EPSILON).rsqrt().view(1, -1, 1, 1)
        return (normalised + self.offset.view(1, -1, 1, 1)).to(maps.dtype)


class LayerNormWithoutGain(nn.Module):
    """Layer normalisation of each image over its channels and pixels.

    Source: Ba et al. 2016, equation 3.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.shape = (channels, size, size)
        self.offset = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W], each image over C, H and W."""
        if maps.is_cuda and is_channels_last(maps):
            return self._normalise_channels_last(maps)
        return functional.layer_norm(maps, self.shape, eps=EPSILON) + self.offset

    def _normalise_channels_last(self, maps: Tensor) -> Tensor:
        """Normalise channels-last maps in their own layout and dtype.

        torch's layer norm would copy the maps to the contiguous layout, autocast would cast them to float32, and the
        next convolution would undo both. The mean and the variance do not depend on the order of the elements, and
        the kernel sums in float32 whatever the dtype of the maps.
        """
        channels, height, width = self.shape
        with full_precision(maps):
            normalised = functional.layer_norm(maps.movedim(1, -1), (height, width, channels), eps=EPSILON)
        return normalised.movedim(-1, 1) + self.offset.to(maps.dtype)
