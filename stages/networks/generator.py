"""The interface of all generators, and the convolutional generator of Miyato et al. 2018."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from stages.networks.conditional_batch_norm import apply_maybe_conditional, make_batch_norm
from stages.networks.distributed import sample_local_share
from stages.networks.params import NetworksParams, count_channels, count_halvings
from stages.networks.precision import upcast_to_float32


class Generator(nn.Module, ABC):
    """A generator of any architecture, conditional or not.

    Attributes:
        z_dimension: the length of a noise vector.
        class_count: the number of classes of a conditional generator; None for an unconditional one.
    """

    def __init__(self, z_dimension: int, class_count: int | None = None) -> None:
        super().__init__()
        self.z_dimension = z_dimension
        self.class_count = class_count

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate images from noise.

        Args:
            z: float [N, z_dimension], sampled from N(0, I).
            labels: int64 [N] in 0..class_count-1 for a conditional generator; None for an unconditional one.

        Returns:
            Images, float [N, C, H, W] in [-1, 1].
        """

    def sample_z(self, count: int, random: torch.Generator) -> Tensor:
        """Sample noise vectors from N(0, I): float32 [count, z_dimension], on the device of `random`."""
        return sample_local_share(
            lambda total: torch.randn(total, self.z_dimension, generator=random, device=random.device), count
        )

    def sample_labels(self, count: int, random: torch.Generator) -> Tensor | None:
        """Sample labels uniformly: int64 [count], on the device of `random`; None for an unconditional generator."""
        class_count = self.class_count
        if class_count is None:
            return None
        return sample_local_share(
            lambda total: torch.randint(class_count, (total,), generator=random, device=random.device), count
        )


class ConvGenerator(Generator):
    """A linear layer, transposed convolutions that each double the side, and a last convolution.

    At 32 and 48 pixels and width 64 this is Miyato et al. 2018, Table 3(a).
    """

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
    ) -> None:
        super().__init__(networks.z_dimension, class_count)
        channels, size, _ = image_shape
        halvings = count_halvings(size)
        first_size = size >> halvings
        self.first_shape = (count_channels(halvings, networks.width), first_size, first_size)
        self.first = nn.Linear(networks.z_dimension, self.first_shape[0] * first_size * first_size)
        layers: list[nn.Module] = []
        for level in range(halvings, 0, -1):
            inner, outer = count_channels(level, networks.width), count_channels(level - 1, networks.width)
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                make_batch_norm(outer, class_count),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.Conv2d(count_channels(0, networks.width), channels, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate images from noise; see Generator."""
        maps: Tensor = self.first(z).view(-1, *self.first_shape)
        for layer in self.layers:
            maps = apply_maybe_conditional(layer, maps, labels)
        return upcast_to_float32(maps)
