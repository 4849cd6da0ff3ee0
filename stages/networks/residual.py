"""The residual generator and discriminator of the SNGAN paper.

Source: Miyato et al. 2018, Tables 4 (32 x 32), 5 (48 x 48) and 6 (128 x 128), and Figure 8. Weights are initialised
as in the authors' code, pfnet-research/sngan_projection: by Glorot's rule, with gain sqrt(2) in the 3x3 convolutions
of a block.

Two computations are rearranged; the result is the same up to rounding. The 1x1 convolution of a shortcut commutes with
nearest-neighbour upsampling and with mean pooling, so it runs on the smaller of the two maps. A 3x3 convolution
after an upsampling, or before a pooling, is one strided 4x4 convolution whose kernel is a sum of four shifted
copies of the 3x3 kernel. This takes 16 products instead of 36 and needs no large map in between.
"""

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from stages.networks.conditional_batch_norm import apply_maybe_conditional, make_batch_norm
from stages.networks.discriminator import Normaliser, ScoringDiscriminator
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams, count_halvings
from stages.networks.precision import upcast_to_float32

# Images up to this size get the networks of Table 4, larger ones those of Tables 5 and 6.
LARGEST_TABLE_4_SIZE = 32
MAXIMUM_WIDTH_FACTOR = 16
LAST_MAP_SIZE = 4


class BlockConv2d(nn.Conv2d):
    """A 3x3 convolution of a residual block, which keeps the side; its weight is initialised with gain sqrt(2)."""

    gain = math.sqrt(2.0)

    def __init__(self, inner: int, outer: int, bias: bool = True) -> None:
        super().__init__(inner, outer, 3, padding=1, bias=bias)


class UpsampledConv2d(BlockConv2d):
    """Nearest-neighbour upsampling by two and a BlockConv2d, as one transposed 4x4 convolution of stride 2."""

    def forward(self, input: Tensor) -> Tensor:
        """Map float [N, C, H, W] to float [N, outer, 2 H, 2 W]."""
        kernel = convolve_with_ones(self.weight.flip(2, 3)).transpose(0, 1)
        return functional.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)


class PooledConv2d(BlockConv2d):
    """A BlockConv2d and 2x2 mean pooling, as one 4x4 convolution of stride 2."""

    def forward(self, input: Tensor) -> Tensor:
        """Map float [N, C, H, W] to float [N, outer, H // 2, W // 2]."""
        return functional.conv2d(input, convolve_with_ones(self.weight) / 4.0, self.bias, stride=2, padding=1)


def convolve_with_ones(kernel: Tensor) -> Tensor:
    """Convolve each 3x3 kernel of float [A, B, 3, 3] with a 2x2 kernel of ones: float [A, B, 4, 4]."""
    rows = functional.pad(kernel, (0, 1)) + functional.pad(kernel, (1, 0))
    return functional.pad(rows, (0, 0, 0, 1)) + functional.pad(rows, (0, 0, 1, 0))


class GeneratorBlock(nn.Module):
    """Doubles the side: batch norm, ReLU, upsampling, convolution, batch norm, ReLU, convolution, and a 1x1 shortcut.

    No convolution here has a bias, because every path from one to the image leads through a batch norm, which
    would cancel the bias.
    """

    def __init__(self, inner: int, outer: int, class_count: int | None = None) -> None:
        super().__init__()
        self.norm_1 = make_batch_norm(inner, class_count)
        self.conv_1 = UpsampledConv2d(inner, outer, bias=False)
        self.norm_2 = make_batch_norm(outer, class_count)
        self.conv_2 = BlockConv2d(outer, outer, bias=False)
        self.shortcut = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, maps: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map float [N, inner, H, W], with labels int64 [N] if it is conditional, to float [N, outer, 2 H, 2 W]."""
        residual = self.conv_1(
            functional.relu(apply_maybe_conditional(self.norm_1, maps, labels), inplace=True)
        )
        residual = self.conv_2(
            functional.relu(apply_maybe_conditional(self.norm_2, residual, labels), inplace=True)
        )
        return cast(Tensor, residual + functional.interpolate(self.shortcut(maps), scale_factor=2.0))


class ResidualGenerator(Generator):
    """A linear layer, blocks that each double the side, a batch norm, a ReLU, and a last convolution.

    In a conditional generator the batch norms of the blocks are conditional and the last one is not, as in the
    authors' code.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
    ) -> None:
        super().__init__(networks.z_dimension, class_count)
        channels, size, _ = image_shape
        widths = list_generator_widths(size, networks.width)
        first_size = size >> count_halvings(size)
        self.first_shape = (widths[0], first_size, first_size)
        self.first = nn.Linear(networks.z_dimension, widths[0] * first_size * first_size)
        self.blocks = nn.ModuleList(
            GeneratorBlock(inner, outer, class_count) for inner, outer in pairwise(widths)
        )
        self.norm = nn.BatchNorm2d(widths[-1])
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate images from noise; see Generator."""
        maps = self.first(z).view(-1, *self.first_shape)
        for block in self.blocks:
            maps = block(maps, labels)
        images: Tensor = self.last(functional.relu(self.norm(maps), inplace=True)).tanh()
        return upcast_to_float32(images)


class DiscriminatorBlock(nn.Module):
    """A block of two 3x3 convolutions and a shortcut; if it halves the side, mean pooling follows both.

    An activation comes before each convolution but the first of the network. If there is a normaliser, it
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
        # As in the authors' code, every block but the first changes the channels in its second convolution.
        hidden = outer if is_first else inner
        is_normalised = normaliser is not None and not is_first
        self.norm_1 = normaliser(inner, side) if normaliser is not None and is_normalised else nn.Identity()
        self.conv_1 = BlockConv2d(inner, hidden, bias=not is_normalised)
        self.norm_2 = normaliser(hidden, side) if normaliser is not None and is_normalised else nn.Identity()
        self.conv_2 = (PooledConv2d if is_halved else BlockConv2d)(hidden, outer)
        keeps_shape = inner == outer and not is_halved
        self.shortcut = nn.Identity() if keeps_shape else nn.Conv2d(inner, outer, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [N, inner, H, W] to float [N, outer, H, W], or to half the side."""
        activated = maps if self.is_first else functional.leaky_relu(self.norm_1(maps), self.slope)
        residual = self.norm_2(self.conv_1(activated))
        residual = self.conv_2(functional.leaky_relu(residual, self.slope, inplace=True))
        shortcut_input = functional.avg_pool2d(maps, 2) if self.is_halved else maps
        return cast(Tensor, residual + self.shortcut(shortcut_input))


class ResidualDiscriminator(ScoringDiscriminator):
    """The residual discriminator: blocks, a sum over the pixels, and a linear score."""

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
        """Map images to the sum of the last feature maps over their pixels; see ScoringDiscriminator."""
        return functional.leaky_relu(self.blocks(images), self.slope).sum((2, 3))


def list_generator_widths(size: int, width: int) -> list[int]:
    """List the channels before the generator's first block and after each block.

    For width 64: 256 throughout at 28 and 32 pixels, as in Table 4; 512, 256, 128, 64 at 48 pixels, as in Table 5;
    1024, 1024, 512, 256, 128, 64 at 128 pixels, as in Table 6.
    """
    halvings = count_halvings(size)
    if size <= LARGEST_TABLE_4_SIZE:
        return [4 * width] * (halvings + 1)
    return [width * min(2**level, MAXIMUM_WIDTH_FACTOR) for level in range(halvings, -1, -1)]


def list_discriminator_widths(size: int, width: int) -> tuple[int, list[int]]:
    """Return how many of the discriminator's blocks halve the side, which come first, and the channels of all blocks.

    For width 64: up to 32 pixels, two of four blocks, with 128 channels each, as in Table 4. Above, the side is halved
    until at most 4 pixels are left, and one more block follows; the channels double from block to block, from 64 up
    to 1024. This is Table 5 at 48 pixels and Table 6 at 128.
    """
    if size <= LARGEST_TABLE_4_SIZE:
        return 2, [2 * width] * 4
    halvings = 0
    while size >> halvings > LAST_MAP_SIZE:
        halvings += 1
    return halvings, [width * min(2**level, MAXIMUM_WIDTH_FACTOR) for level in range(halvings + 1)]
