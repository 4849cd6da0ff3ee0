"""Batch norm and layer norm for discriminators: an offset per channel and no gain."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.distributed import all_reduce_mean, get_world_size
from stages.networks.precision import full_precision
from stages.networks.spectral_norm import is_channels_last

EPSILON = 1e-5


class BatchNormWithoutGain(nn.Module):
    """Batch normalisation over the batch's own statistics with an offset per channel and no gain.

    Miyato et al. 2018, section 4, removed the gain (gamma) from the discriminators that it compares, since
    it would let them violate the Lipschitz condition openly.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W] over N, H and W."""
        if get_world_size() > 1:
            wide = maps.float()
            deviations = wide - all_reduce_mean(wide.mean((0, 2, 3))).view(1, -1, 1, 1)
            variance = all_reduce_mean(deviations.square().mean((0, 2, 3)))
            normalised = deviations * (variance + EPSILON).rsqrt().view(1, -1, 1, 1)
            return (normalised + self.offset.view(1, -1, 1, 1)).to(maps.dtype)
        # CUDA's backward pass allocates the offset's gradient like the gain, so there it needs a gain of ones.
        gain = torch.ones_like(self.offset) if maps.is_cuda else None
        return functional.batch_norm(maps, None, None, gain, self.offset, training=True, eps=EPSILON)


class LayerNormWithoutGain(nn.Module):
    """Layer normalisation over channels and space, with an offset per channel and no gain.

    Source: Ba et al. 2016, equation 3; without gain as in Miyato et al. 2018, section 4.
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
        """Normalise channels-last maps as they lie in memory and in their own precision.

        Torch's layer norm would copy them to the contiguous layout, autocast would widen them to float32, and the
        next convolution would undo both. The mean and the variance do not depend on the order of what they are
        taken over, and the kernel sums in float32 whatever the maps are.
        """
        channels, height, width = self.shape
        with full_precision(maps):
            normalised = functional.layer_norm(maps.movedim(1, -1), (height, width, channels), eps=EPSILON)
        return normalised.movedim(-1, 1) + self.offset.to(maps.dtype)
