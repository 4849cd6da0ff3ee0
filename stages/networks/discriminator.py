"""The discriminators: one convolutional network for four GANs, and one auto-encoder for the other two."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from stages.networks.params import NetworksParams, channels_at, count_halvings
from stages.networks.precision import upcast_to_float32

Normaliser = Callable[[int, int], nn.Module]
"""Makes the layer that normalises feature maps, from their channels and side."""


class Encoder(nn.Module):
    """The convolutions of every discriminator: at each side a 3x3 one, then a 4x4 one that halves the side.

    At 32 and 48 pixels and width 64 this is Miyato et al. 2018, Table 3(b), up to its last linear layer. As
    there, channels double at the 3x3 convolutions, and the first convolution is never normalised.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        networks: NetworksParams,
        normaliser: Normaliser | None = None,
    ) -> None:
        super().__init__()
        channels, size, _ = image_shape
        halvings = count_halvings(size)
        layers: list[nn.Module] = []

        def add(inner: int, outer: int, kernel: int, stride: int, side: int) -> None:
            # An offset before batch norm would be cancelled by it, and both normalisers bring their own.
            is_normalised = normaliser is not None and bool(layers)
            layers.append(nn.Conv2d(inner, outer, kernel, stride, padding=1, bias=not is_normalised))
            if is_normalised and normaliser is not None:
                layers.append(normaliser(outer, side))
            layers.append(nn.LeakyReLU(networks.negative_slope, inplace=True))

        inner = channels
        for level in range(halvings + 1):
            outer = channels_at(level, networks.width)
            add(inner, outer, kernel=3, stride=1, side=size >> level)
            if level < halvings:
                add(outer, outer, kernel=4, stride=2, side=size >> (level + 1))
            inner = outer
        self.layers = nn.Sequential(*layers)
        self.output_shape = (inner, size >> halvings, size >> halvings)

    def forward(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to features float [N, *output_shape]."""
        features: Tensor = self.layers(images)
        return features


class ScoringDiscriminator(nn.Module, ABC):
    """A discriminator, or critic, of any architecture that gives an image one score, linear in its features.

    Attributes:
        score: the linear layer from features float [N, D] to scores float [N, 1].
    """

    score: nn.Linear

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to what the score is a linear function of: float [N, D]."""

    def forward(self, images: Tensor) -> Tensor:
        """Score images float [N, C, H, W] in [-1, 1]: float [N], unbounded, higher for more real."""
        scores: Tensor = self.score(self.features(images))
        return upcast_to_float32(scores.squeeze(1))


class ConvDiscriminator(ScoringDiscriminator):
    """The discriminator, or critic, of batch norm, layer norm, spectral norm and WGAN-GP: an encoder, one score."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        networks: NetworksParams,
        normaliser: Normaliser | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(image_shape, networks, normaliser)
        channels, height, width = self.encoder.output_shape
        self.score = nn.Linear(channels * height * width, 1)

    def features(self, images: Tensor) -> Tensor:
        """See ScoringDiscriminator."""
        maps: Tensor = self.encoder(images)
        return maps.flatten(1)


class AutoEncoder(nn.Module):
    """The discriminator of BEGAN and EBGAN: the encoder of the others, a linear code, and its mirror image back.

    The decoder doubles the side as often as the encoder halves it, with the same channels. Its output is
    linear, and neither half is normalised.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], networks: NetworksParams, code_dimension: int
    ) -> None:
        super().__init__()
        self.encoder = Encoder(image_shape, networks)
        self.map_shape = self.encoder.output_shape
        features = self.map_shape[0] * self.map_shape[1] * self.map_shape[2]
        self.to_code = nn.Linear(features, code_dimension)
        self.from_code = nn.Linear(code_dimension, features)
        halvings = count_halvings(image_shape[1])
        layers: list[nn.Module] = []
        for level in range(halvings, 0, -1):
            inner, outer = channels_at(level, networks.width), channels_at(level - 1, networks.width)
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1),
                nn.LeakyReLU(networks.negative_slope, inplace=True),
            ]
        layers.append(nn.Conv2d(channels_at(0, networks.width), image_shape[0], 3, padding=1))
        self.decoder = nn.Sequential(*layers)

    def encode(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to codes float [N, code_dimension]."""
        code: Tensor = self.to_code(self.encoder(images).flatten(1))
        return upcast_to_float32(code)

    def decode(self, code: Tensor) -> Tensor:
        """Map codes float [N, code_dimension] to images float [N, C, H, W], about [-1, 1] but not clamped."""
        images: Tensor = self.decoder(self.from_code(code).view(-1, *self.map_shape))
        return upcast_to_float32(images)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images float [N, C, H, W] from their codes."""
        return self.decode(self.encode(images))
