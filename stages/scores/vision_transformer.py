"""Use a library's vision transformer as an extractor: resize, normalise, and compute the features part by part."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stages.common.errors import InputError
from stages.scores.card import Card
from stages.scores.classifier import ExtractorOutput
from stages.scores.exact_precision import exact_float32
from stages.scores.resizes import RESIZES, Normalisation

# The activations of more images do not fit a CPU's caches; a GPU computes many images at once.
IMAGES_AT_A_TIME = {"cpu": 10}
DEFAULT_IMAGES_AT_A_TIME = 125


class VisionTransformer:
    """A network from images of any size, grey or colour, to features [N, D]; it has no classes."""

    def __init__(
        self, network: nn.Module, card: Card, normalise: Normalisation, device: torch.device
    ) -> None:
        """Wrap a network that maps normalised images float32 [N, 3, S, S] to features float32 [N, D].

        Args:
            network: the network with its weights.
            card: the card of the extractor, which has the resize and S.
            normalise: the normalisation of pixels after the resize.
            device: the device of the network.
        """
        assert card.image_size is not None and card.resize is not None
        self._network = network.to(device).eval().requires_grad_(False)
        self._side, self._resize = card.image_size, RESIZES[card.resize]
        self._normalise, self._device = normalise, device

    def __call__(self, pixels: Tensor) -> ExtractorOutput:
        """Compute features of images, uint8 [N, 1 or 3, H, W], on the network's device."""
        size = IMAGES_AT_A_TIME.get(self._device.type, DEFAULT_IMAGES_AT_A_TIME)
        with torch.inference_mode(), exact_float32(self._device):
            parts = [
                self._network(self._normalise(self._resize(part, self._side))) for part in pixels.split(size)
            ]
        features = torch.cat(parts)
        return ExtractorOutput(features, features.new_empty((len(features), 0)))


def describe_transformer(
    *,
    name: str,
    title: str,
    model: str,
    feature_dimension: int,
    image_size: int,
    resize: str,
    normalisation: Normalisation,
    weights_sha256: str,
    file_sha256: str,
) -> Card:
    """Make the card of a transformer with published weights; the arguments are fields of the card.

    The network accepts images of any shape, computes in float32, tells no classes apart, and was not trained here.
    """
    return Card(
        name=name,
        title=title,
        feature_dimension=feature_dimension,
        class_count=None,
        image_shape=None,
        width=None,
        precision="float32",
        weights_sha256=weights_sha256,
        file_sha256=file_sha256,
        test_accuracy=None,
        train_count=None,
        test_count=None,
        model=model,
        image_size=image_size,
        resize=resize,
        normalisation=normalisation.title,
    )


def check_shapes(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str, network: str
) -> None:
    """Refuse weights that do not fit a network.

    Args:
        state: the weights.
        expected: the network's own state dict.
        source: the file of the weights, for the error.
        network: the name of the network, for the error.

    Raises:
        InputError: a tensor is missing, unknown or of another shape, or is not finite.
    """
    for name in sorted(state.keys() ^ expected.keys()):
        is_missing = name in expected
        raise InputError(
            f"{source} does not hold the weights of {network}: {name} is {'missing' if is_missing else 'unknown'}"
        )
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise InputError(
                f"{source} does not hold the weights of {network}: {name} is {list(value.shape)}, expected "
                f"{list(expected[name].shape)}"
            )
        if not value.isfinite().all():
            raise InputError(f"{source}: the weights {name} are not finite; download the file again")
