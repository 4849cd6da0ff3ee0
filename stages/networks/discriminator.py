"""The convolutional discriminators: one that gives each image a score, and the auto-encoder of BEGAN and EBGAN."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from stages.networks.params import NetworksParams, count_channels, count_halvings
from stages.networks.precision import upcast_to_float32

Normaliser = Callable[[int, int], nn.Module]
"""A function that makes a layer to normalise feature maps, given their number of channels and their side in pixels."""


class Encoder(nn.Module):
    """The convolutions that both discriminators share: at each size a 3x3 one, then a 4x4 one that halves the side.

    At 32 and 48 pixels and width 64 this is Miyato et al. 2018, Table 3(b), without the last linear layer. As
    there, the 3x3 convolutions double the channels, and the first convolution is not normalised.
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
            # Batch norm would cancel a bias, and both normalisers add an offset of their own.
            is_normalised = normaliser is not None and bool(layers)
            layers.append(nn.Conv2d(inner, outer, kernel, stride, padding=1, bias=not is_normalised))
            if is_normalised and normaliser is not None:
                layers.append(normaliser(outer, side))
            layers.append(nn.LeakyReLU(networks.negative_slope, inplace=True))

        inner = channels
        for level in range(halvings + 1):
            outer = count_channels(level, networks.width)
            add(inner, outer, kernel=3, stride=1, side=size >> level)
            if level < halvings:
                add(outer, outer, kernel=4, stride=2, side=size >> (level + 1))
            inner = outer
        self.layers = nn.Sequential(*layers)
        self.output_shape = (inner, size >> halvings, size >> halvings)

    def forward(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to feature maps float [N, *output_shape]."""
        maps: Tensor = self.layers(images)
        return maps


class ScoringDiscriminator(nn.Module, ABC):
    """A discriminator, or critic, whose score of an image is a linear function of the image's features.

    Attributes:
        score: the linear layer from features float [N, D] to scores float [N, 1].
    """

    score: nn.Linear

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to features float [N, D]."""

    def score_features(self, features: Tensor) -> Tensor:
        """Map features float [N, D] to scores float [N]."""
        scores: Tensor = self.score(features)
        return upcast_to_float32(scores.squeeze(1))

    def forward(self, images: Tensor) -> Tensor:
        """Score images float [N, C, H, W] in [-1, 1]: float [N], unbounded, and the higher the more real."""
        return self.score_features(self.features(images))


class ConvDiscriminator(ScoringDiscriminator):
    """The encoder with a linear score, and with a normaliser, if there is one, after each convolution but the first."""

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
        """Map images to the flattened output of the encoder; see ScoringDiscriminator."""
        maps: Tensor = self.encoder(images)
        return maps.flatten(1)


class AutoEncoder(nn.Module):
    """The discriminator of BEGAN and EBGAN: the encoder, a linear layer to a code, and a decoder that mirrors both.

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
            inner, outer = count_channels(level, networks.width), count_channels(level - 1, networks.width)
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1),
                nn.LeakyReLU(networks.negative_slope, inplace=True),
            ]
        layers.append(nn.Conv2d(count_channels(0, networks.width), image_shape[0], 3, padding=1))
        self.decoder = nn.Sequential(*layers)

    def encode(self, images: Tensor) -> Tensor:
        """Map images float [N, C, H, W] in [-1, 1] to codes float [N, code_dimension]."""
        codes: Tensor = self.to_code(self.encoder(images).flatten(1))
        return upcast_to_float32(codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Map codes float [N, code_dimension] to images float [N, C, H, W], about in [-1, 1] but not clamped."""
        images: Tensor = self.decoder(self.from_code(codes).view(-1, *self.map_shape))
        return upcast_to_float32(images)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images float [N, C, H, W] from their codes."""
        return self.decode(self.encode(images))
