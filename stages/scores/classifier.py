"""The embedded extractor: a small convolutional classifier of the prepared data set's own labels."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn


class ExtractorOutput(NamedTuple):
    """The output of an extractor for N images.

    Attributes:
        features: float32 [N, D], which FID and most scores compare.
        logits: float32 [N, K], from which the Inception Score is computed; K is 0 where the network has no classes.
        spatial: float32 [N, S], a part of a feature map before pooling, which sFID compares; None if there is none.
    """

    features: Tensor
    logits: Tensor
    spatial: Tensor | None = None


Network = Callable[[Tensor], ExtractorOutput]
"""A network that computes features and logits of images, uint8 [N, C, H, W], on its own device."""


class Classifier(nn.Module):
    """A classifier of four convolutions with batch norm and ReLU, a feature layer and a layer of logits.

    Two of the convolutions halve the image, one of them the first, so that scoring takes little time compared with
    training. The features are the output of a ReLU, as Inception's are.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], width: int, feature_dimension: int, class_count: int
    ):
        super().__init__()
        channels, side, _ = image_shape
        self.trunk = nn.Sequential(
            *_convolve(channels, width, stride=2),
            *_convolve(width, 2 * width, stride=1),
            *_convolve(2 * width, 4 * width, stride=2),
            *_convolve(4 * width, 4 * width, stride=1),
            nn.Flatten(),
        )
        last_side = _halve(_halve(side))
        self.to_features = nn.Sequential(nn.Linear(4 * width * last_side**2, feature_dimension), nn.ReLU())
        self.to_logits = nn.Linear(feature_dimension, class_count)

    def forward(self, images: Tensor) -> ExtractorOutput:
        """Compute features and logits of images, float32 [N, C, H, W] in [-1, 1]."""
        features = self.to_features(self.trunk(images))
        return ExtractorOutput(features, self.to_logits(features))


def _convolve(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def _halve(side: int) -> int:
    """Return the side of a feature map after a convolution of stride 2: half, rounded up."""
    return (side + 1) // 2
