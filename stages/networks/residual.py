"""The residual networks of the SNGAN paper, computed in fewer steps than they are drawn there.

Source: Miyato et al. 2018, Tables 4 (32 x 32), 5 (48 x 48) and 6 (128 x 128), Figure 8; weights are drawn as in the
authors' code, pfnet-research/sngan_projection: Glorot's rule with gain sqrt(2) in a block's 3x3 convolutions.

Two things are computed otherwise, to the same result up to rounding. A shortcut's 1x1 convolution commutes with
nearest-neighbour upsampling and with mean pooling, so it runs on the smaller of the two maps. A 3x3 convolution
after an upsampling, or before a pooling, is one strided 4x4 convolution, whose kernel is a sum of four shifted
copies of the 3x3 one: 16 products instead of 36, and no large map in between.
"""

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from stages.networks.conditional_batch_norm import apply_layer, make_batch_norm
from stages.networks.discriminator import Normaliser, ScoringDiscriminator
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams, count_halvings
from stages.networks.precision import upcast_to_float32

# Up to this size the networks are those of Table 4, above it those of Tables 5 and 6.
LARGEST_EVEN_SIZE = 32
WIDEST = 16
SMALLEST_SCORED_MAP = 4


class BlockConv2d(nn.Conv2d):
    """A 3x3 convolution of a residual block, which keeps the side; its weight is drawn with gain sqrt(2)."""

    gain = math.sqrt(2.0)

    def __init__(self, inner: int, outer: int, bias: bool = True) -> None:
        super().__init__(inner, outer, 3, padding=1, bias=bias)


class UpsampledConv2d(BlockConv2d):
    """The same after nearest-neighbour upsampling by two, as one transposed 4x4 convolution of stride 2."""

    def forward(self, input: Tensor) -> Tensor:
        """Map float [N, C, H, W] to float [N, outer, 2 H, 2 W]."""
        kernel = spread(self.weight.flip(2, 3)).transpose(0, 1)
        return functional.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)


class PooledConv2d(BlockConv2d):
    """The same before 2x2 mean pooling, as one 4x4 convolution of stride 2."""

    def forward(self, input: Tensor) -> Tensor:
        """Map float [N, C, H, W] to float [N, outer, H // 2, W // 2]."""
        return functional.conv2d(input, spread(self.weight) / 4.0, self.bias, stride=2, padding=1)


def spread(kernel: Tensor) -> Tensor:
    """Convolve each 3x3 kernel of float [A, B, 3, 3] with a 2x2 one of ones: float [A, B, 4, 4]."""
    across = functional.pad(kernel, (0, 1)) + functional.pad(kernel, (1, 0))
    return functional.pad(across, (0, 0, 0, 1)) + functional.pad(across, (0, 0, 1, 0))


class GeneratorBlock(nn.Module):
    """Batch norm, ReLU, upsampling, convolution, batch norm, ReLU, convolution, and a 1x1 shortcut beside them.

    No convolution here has an offset: every path from one to the image leads through a batch norm, which
    would cancel it.
    """

    def __init__(self, inner: int, outer: int, class_count: int | None = None) -> None:
        super().__init__()
        self.norm_1 = make_batch_norm(inner, class_count)
        self.conv_1 = UpsampledConv2d(inner, outer, bias=False)
        self.norm_2 = make_batch_norm(outer, class_count)
        self.conv_2 = BlockConv2d(outer, outer, bias=False)
        self.shortcut = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, maps: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map float [N, inner, H, W], with labels int64 [N] or none, to float [N, outer, 2 H, 2 W]."""
        residual = self.conv_1(functional.relu(apply_layer(self.norm_1, maps, labels), inplace=True))
        residual = self.conv_2(functional.relu(apply_layer(self.norm_2, residual, labels), inplace=True))
        return cast(Tensor, residual + functional.interpolate(self.shortcut(maps), scale_factor=2.0))


class ResidualGenerator(Generator):
    """From noise to images: a linear layer, blocks that double the side, batch norm, ReLU, a last convolution.

    Where there are classes the blocks' batch norms are conditional and the last is not, as in the authors' code.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
    ) -> None:
        super().__init__(networks.z_dimension, class_count)
        channels, size, _ = image_shape
        widths = list_generator_widths(size, networks.width)
        base = size >> count_halvings(size)
        self.first_shape = (widths[0], base, base)
        self.first = nn.Linear(networks.z_dimension, widths[0] * base * base)
        self.blocks = nn.ModuleList(
            GeneratorBlock(inner, outer, class_count) for inner, outer in pairwise(widths)
        )
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See Generator."""
        maps = self.first(z).view(-1, *self.first_shape)
        for block in self.blocks:
            maps = block(maps, labels)
        images: Tensor = self.last(functional.relu(self.norm(maps), inplace=True)).tanh()
        return upcast_to_float32(images)


class DiscriminatorBlock(nn.Module):
    """Two 3x3 convolutions, with mean pooling after them where the side is halved, and a shortcut beside them.

    An activation comes before each convolution but the network's very first. Where there is a normaliser it
    comes before each activation but those of the first block.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        side: int,
        slope: float,
        is_first: bool,
        is_halved: bool,
        normaliser: Normaliser | None,
    ) -> None:
        super().__init__()
        self.slope, self.is_first, self.is_halved = slope, is_first, is_halved
        # As in the authors' code, blocks but the first widen at their second convolution.
        hidden = outer if is_first else inner
        is_normalised = normaliser is not None and not is_first
        self.norm_1 = normaliser(inner, side) if normaliser is not None and is_normalised else nn.Identity()
        self.conv_1 = BlockConv2d(inner, hidden, bias=not is_normalised)
        self.norm_2 = normaliser(hidden, side) if normaliser is not None and is_normalised else nn.Identity()
        self.conv_2 = (PooledConv2d if is_halved else BlockConv2d)(hidden, outer)
        is_straight = inner == outer and not is_halved
        self.shortcut = nn.Identity() if is_straight else nn.Conv2d(inner, outer, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [N, inner, H, W] to float [N, outer, H, W], or half the side."""
        active = maps if self.is_first else functional.leaky_relu(self.norm_1(maps), self.slope)
        residual = self.norm_2(self.conv_1(active))
        residual = self.conv_2(functional.leaky_relu(residual, self.slope, inplace=True))
        straight = functional.avg_pool2d(maps, 2) if self.is_halved else maps
        return cast(Tensor, residual + self.shortcut(straight))


class ResidualDiscriminator(ScoringDiscriminator):
    """The discriminator, or critic, of all GANs that score images: blocks, a sum over space, one score."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        networks: NetworksParams,
        normaliser: Normaliser | None = None,
    ) -> None:
        super().__init__()
        inner, size, _ = image_shape
        halvings, widths = list_discriminator_widths(size, networks.width)
        blocks = []
        for level, outer in enumerate(widths):
            blocks.append(
                DiscriminatorBlock(
                    inner,
                    outer,
                    side=size >> min(level, halvings),
                    slope=networks.negative_slope,
                    is_first=level == 0,
                    is_halved=level < halvings,
                    normaliser=normaliser,
                )
            )
            inner = outer
        self.blocks = nn.Sequential(*blocks)
        self.slope = networks.negative_slope
        self.score = nn.Linear(inner, 1)

    def features(self, images: Tensor) -> Tensor:
        """See ScoringDiscriminator."""
        return functional.leaky_relu(self.blocks(images), self.slope).sum((2, 3))


def list_generator_widths(size: int, width: int) -> list[int]:
    """List the channels before and after each of the generator's blocks.

    For width 64: 256 throughout at 28 and 32 pixels, as in Table 4; 512, 256, 128, 64 at 48 pixels, as in Table 5;
    1024, 1024, 512, 256, 128, 64 at 128 pixels, as in Table 6.
    """
    halvings = count_halvings(size)
    if size <= LARGEST_EVEN_SIZE:
        return [4 * width] * (halvings + 1)
    return [width * min(2**level, WIDEST) for level in range(halvings, -1, -1)]


def list_discriminator_widths(size: int, width: int) -> tuple[int, list[int]]:
    """Count the discriminator's blocks that halve the side, which come first, and list all blocks' channels.

    For width 64: two of four, 128 channels each, up to 32 pixels, as in Table 4. Above, the side is halved until
    at most 4 pixels are left and one block more follows, with 64 channels doubled from block to block up to 1024:
    Table 5 at 48 pixels and Table 6 at 128.
    """
    if size <= LARGEST_EVEN_SIZE:
        return 2, [2 * width] * 4
    halvings = 0
    while size >> halvings > SMALLEST_SCORED_MAP:
        halvings += 1
    return halvings, [width * min(2**level, WIDEST) for level in range(halvings + 1)]
