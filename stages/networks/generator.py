"""The one generator that all GANs of the comparison train, and what any architecture of it has to offer."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from stages.networks.conditional_batch_norm import apply_layer, make_batch_norm
from stages.networks.distributed import sample_local_share
from stages.networks.params import NetworksParams, channels_at, count_halvings
from stages.networks.precision import upcast_to_float32


class Generator(nn.Module, ABC):
    """A generator of any architecture.

    Attributes:
        z_dimension: numbers in a noise vector.
        class_count: classes that images are drawn of, or None where they are drawn of none.
    """

    def __init__(self, z_dimension: int, class_count: int | None = None) -> None:
        super().__init__()
        self.z_dimension = z_dimension
        self.class_count = class_count

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw images from noise.

        Args:
            z: float [N, z_dimension], from N(0, I).
            labels: int64 [N] in 0..class_count-1; None where there are no classes.

        Returns:
            Images, float [N, C, H, W] in [-1, 1].
        """

    def sample_z(self, count: int, random: torch.Generator) -> Tensor:
        """Draw `count` noise vectors from N(0, I): float32 [count, z_dimension], on the device of `random`."""
        return sample_local_share(
            lambda whole: torch.randn(whole, self.z_dimension, generator=random, device=random.device), count
        )

    def sample_labels(self, count: int, random: torch.Generator) -> Tensor | None:
        """Draw `count` labels, all classes equally likely: int64 [count], on the device of `random`, or None."""
        classes = self.class_count
        if classes is None:
            return None
        return sample_local_share(
            lambda whole: torch.randint(classes, (whole,), generator=random, device=random.device), count
        )


class ConvGenerator(Generator):
    """From noise to images: a linear layer, transposed convolutions that double the side, a last convolution.

    At 32 and 48 pixels and width 64 this is Miyato et al. 2018, Table 3(a).
    """

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
    ) -> None:
        super().__init__(networks.z_dimension, class_count)
        channels, size, _ = image_shape
        halvings = count_halvings(size)
        base = size >> halvings
        self.first_shape = (channels_at(halvings, networks.width), base, base)
        self.first = nn.Linear(networks.z_dimension, self.first_shape[0] * base * base)
        layers: list[nn.Module] = []
        for level in range(halvings, 0, -1):
            inner, outer = channels_at(level, networks.width), channels_at(level - 1, networks.width)
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                make_batch_norm(outer, class_count),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.Conv2d(channels_at(0, networks.width), channels, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See Generator."""
        maps: Tensor = self.first(z).view(-1, *self.first_shape)
        for layer in self.layers:
            maps = apply_layer(layer, maps, labels)
        return upcast_to_float32(maps)
