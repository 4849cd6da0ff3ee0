"""Load the extractor that the extractor stage made, and look at images with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from stages.common.artifacts import EXTRACTOR
from stages.common.pixels import pixels_to_tensor
from stages.scores.card import CARD, WEIGHTS, Card, read_card
from stages.scores.classifier import Classifier, ExtractorOutput
from stages.scores.inception import Inception

# A convolution may round differently for another number of images; a fixed number keeps scores to the bit.
IMAGES_AT_A_TIME = 250


class Images(Protocol):
    """Images uint8 [N, C, H, W] that are read part by part: an array, a mapped file, a folder of image files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, C, H, W."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, part: slice, /) -> Any:
        """Some of them, an array."""


class Extractor:
    """A named network that turns images into features and logits.

    Attributes:
        card: what it is.
    """

    def __init__(self, card: Card, look: Callable[[Tensor], ExtractorOutput], device: torch.device) -> None:
        """Take a network.

        Args:
            card: what it is.
            look: takes images uint8 [N, C, H, W] on `device`.
            device: where it lies.
        """
        self.card = card
        self._look = look
        self._device = device

    def extract(self, images: Images) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield features float32 [n, D] and logits float32 [n, K] of images uint8 [N, C, H, W], part by part.

        Raises:
            ValueError: the images are not of the shape that the extractor takes.
        """
        wanted, found = self.card.image_shape, list(images.shape[1:])
        if wanted is not None and found != wanted:
            raise ValueError(f"the {self.card.name} extractor takes images {wanted}, but these are {found}")
        for start in range(0, len(images), IMAGES_AT_A_TIME):
            part = torch.from_numpy(np.array(images[start : start + IMAGES_AT_A_TIME])).to(self._device)
            with torch.inference_mode():
                output = self._look(part)
            yield output.features.cpu().numpy(), output.logits.cpu().numpy()


def load_extractor(device: torch.device, folder: Path = EXTRACTOR, card: Card | None = None) -> Extractor:
    """Load an extractor's folder.

    Args:
        device: where it is to lie.
        folder: where it is.
        card: what it is to be in place of what the folder says, such as of another precision.

    Raises:
        ValueError: the extractor is missing, damaged or of an unknown name.
    """
    card = read_card(folder) if card is None else card
    weights = folder / WEIGHTS.name
    loaders = {"classifier": _load_classifier, "inception": _load_inception}
    if card.name not in loaders:
        raise ValueError(f"extractor {card.name!r} is unknown; there is {', '.join(loaders)}")
    try:
        return Extractor(card, loaders[card.name](card, weights, device), device)
    except FileNotFoundError:
        raise ValueError(f"{weights} is missing; make it with `dvc repro extractor`") from None
    except (SafetensorError, RuntimeError):
        raise ValueError(
            f"{weights} does not hold the {card.name} that {folder / CARD.name} describes; make both anew: "
            "`dvc repro -f extractor`"
        ) from None


def _load_classifier(card: Card, weights: Path, device: torch.device) -> Callable[[Tensor], ExtractorOutput]:
    assert card.image_shape is not None and card.width is not None
    channels, height, width = card.image_shape
    network = Classifier((channels, height, width), card.width, card.feature_dimension, card.class_count)
    network.load_state_dict(load_file(weights))
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    return lambda pixels: network(pixels_to_tensor(pixels).contiguous(memory_format=torch.channels_last))


def _load_inception(card: Card, weights: Path, device: torch.device) -> Callable[[Tensor], ExtractorOutput]:
    return Inception(weights, device, card.precision)
