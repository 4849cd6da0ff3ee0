"""Load the extractor that the stage `extractor` made, and compute images' features and logits with it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from stages.common.artifacts import EXTRACTOR
from stages.common.errors import InputError
from stages.common.pixels import pixels_to_tensor
from stages.scores.card import CARD, WEIGHTS, Card, read_card
from stages.scores.classifier import Classifier, ExtractorOutput
from stages.scores.inception import Inception

# A convolution may round differently for another number of images; a fixed number keeps the scores' bits.
IMAGES_AT_A_TIME = 250


class Images(Protocol):
    """Images, uint8 [N, C, H, W], that can be read part by part: an array, a mapped file, a folder of image files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape N, C, H, W."""

    def __len__(self) -> int:
        """Return N."""

    def __getitem__(self, part: slice, /) -> Any:
        """Return some of the images as an array."""


class Extractor:
    """A named network that turns images into features and logits.

    Attributes:
        card: the description of the network.
    """

    def __init__(
        self, card: Card, network: Callable[[Tensor], ExtractorOutput], device: torch.device
    ) -> None:
        """Make an extractor.

        Args:
            card: the description of the network.
            network: computes features and logits of images, uint8 [N, C, H, W], on `device`.
            device: where the network computes.
        """
        self.card = card
        self._network = network
        self._device = device

    def extract(self, images: Images) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield features, float32 [n, D], and logits, float32 [n, K], of images, uint8 [N, C, H, W], part by part.

        Raises:
            InputError: the images do not have the shape that the extractor accepts.
        """
        expected, found = self.card.image_shape, list(images.shape[1:])
        if expected is not None and found != expected:
            raise InputError(
                f"the {self.card.name} extractor accepts images {expected}, but these are {found}"
            )
        for start in range(0, len(images), IMAGES_AT_A_TIME):
            part = torch.from_numpy(np.array(images[start : start + IMAGES_AT_A_TIME])).to(self._device)
            with torch.inference_mode():
                output = self._network(part)
            yield output.features.cpu().numpy(), output.logits.cpu().numpy()


def load_extractor(device: torch.device, folder: Path = EXTRACTOR, card: Card | None = None) -> Extractor:
    """Load an extractor from its folder.

    Args:
        device: where the network computes.
        folder: holds the card and the weights.
        card: replaces the folder's card, for example for another precision.

    Raises:
        InputError: the extractor is missing, is damaged, has an unknown name, or has learned nothing; or its weights
            are not those that the card was written for.
    """
    card = read_card(folder) if card is None else card
    if card.class_count < 2:
        raise InputError(
            f"{folder / CARD.name} describes a {card.name} of {card.class_count} class, which had nothing to learn, so "
            "its scores mean nothing; use images of two or more classes, or the extractor inception"
        )
    weights = folder / WEIGHTS.name
    loaders = {"classifier": _load_classifier, "inception": _load_inception}
    if card.name not in loaders:
        raise InputError(f"extractor {card.name!r} is unknown; there is {', '.join(loaders)}")
    try:
        return Extractor(card, loaders[card.name](card, _read_weights(weights, card), device), device)
    except FileNotFoundError:
        raise InputError(f"{weights} is missing; make it with `dvc repro extractor`") from None
    except (SafetensorError, RuntimeError):
        raise InputError(
            f"{weights} does not hold the {card.name} that {folder / CARD.name} describes; make both anew: "
            "`dvc repro -f extractor`"
        ) from None


def _read_weights(path: Path, card: Card) -> dict[str, Tensor]:
    """Read the weights, after comparing their sha256 with the card's; what was hashed is what is used."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != card.file_sha256:
        raise InputError(
            f"{path} has the sha256 {found}, but {path.with_name(CARD.name)} names {card.file_sha256}: it is damaged "
            "or belongs to another extractor; make both anew: `dvc repro -f extractor`"
        )
    return load(content)


def _load_classifier(
    card: Card, state: Mapping[str, Tensor], device: torch.device
) -> Callable[[Tensor], ExtractorOutput]:
    assert card.image_shape is not None and card.width is not None
    channels, height, width = card.image_shape
    network = Classifier((channels, height, width), card.width, card.feature_dimension, card.class_count)
    network.load_state_dict(state)
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    return lambda pixels: network(pixels_to_tensor(pixels).contiguous(memory_format=torch.channels_last))


def _load_inception(
    card: Card, state: Mapping[str, Tensor], device: torch.device
) -> Callable[[Tensor], ExtractorOutput]:
    return Inception(state, device, card.precision)
