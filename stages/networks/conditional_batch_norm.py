"""Conditional batch norm: batch normalisation with a gain and an offset for each class."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalisation with one gain and one offset for every class and channel, initially 1 and 0.

    The statistics are over the whole batch, whatever its classes.

    Source: Dumoulin et al. 2017, "A Learned Representation for Artistic Style", equation 5; Miyato and Koyama 2018,
    section 5.
    """

    def __init__(self, channels: int, class_count: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Parameter(torch.ones(class_count, channels))
        self.offset = nn.Parameter(torch.zeros(class_count, channels))

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Normalise feature maps float [N, C, H, W], each with the gain and offset of its label, int64 [N]."""
        normalised: Tensor = self.norm(maps)
        gain = functional.embedding(labels, self.gain)[:, :, None, None]
        offset = functional.embedding(labels, self.offset)[:, :, None, None]
        # The gain and the offset are float32; under autocast the result must be bfloat16 again.
        return torch.addcmul(offset, normalised, gain).to(maps.dtype)


def make_batch_norm(channels: int, class_count: int | None) -> nn.Module:
    """Make a batch norm for a generator, class-conditional if there is a `class_count`."""
    return nn.BatchNorm2d(channels) if class_count is None else ConditionalBatchNorm2d(channels, class_count)


def apply_maybe_conditional(layer: nn.Module, maps: Tensor, labels: Tensor | None) -> Tensor:
    """Apply a layer to maps float [N, C, H, W], and to the labels int64 [N] too if it is a conditional batch norm."""
    if isinstance(layer, ConditionalBatchNorm2d):
        assert labels is not None
        return layer(maps, labels)  # type: ignore[no-any-return]
    return layer(maps)  # type: ignore[no-any-return]
