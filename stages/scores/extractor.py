"""Load the extractor that the stage `extractor` made, and compute features and logits of images with it."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from stages.common.artifacts import EXTRACTOR
from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file
from stages.scores.card import CARD, WEIGHTS, Card, read_card
from stages.scores.classifier import Network
from stages.scores.extractor_zoo import load_extractor_module

# Convolutions may round differently for other batch sizes, so a fixed number keeps scores reproducible.
IMAGES_AT_A_TIME = 250
# Building a network on a further device takes about as long as computing this many parts.
LEAST_PARTS_A_DEVICE = 8


class OutputArrays(NamedTuple):
    """The output of an extractor for n images.

    Attributes:
        features: float32 [n, D].
        logits: float32 [n, K]; K is 0 where the network has no classes.
        spatial: float32 [n, S], a part of a feature map before pooling; None if the extractor gives none.
    """

    features: NDArray[np.float32]
    logits: NDArray[np.float32]
    spatial: NDArray[np.float32] | None


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
        self,
        card: Card,
        network: Network,
        device: torch.device,
        replicate: Callable[[torch.device], Network] | None = None,
        other_devices: Sequence[torch.device] = (),
    ) -> None:
        """Make an extractor.

        Args:
            card: the description of the network.
            network: computes features and logits of images, uint8 [N, C, H, W], on `device`.
            device: the device of the network.
            replicate: builds the same network on another device; None uses only `device`.
            other_devices: further devices, which share the work if there is enough of it.
        """
        self.card = card
        self._replicas: list[tuple[Network, torch.device]] = [(network, device)]
        self._replicate, self._other_devices = replicate, list(other_devices)

    def extract(self, images: Images) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield features, float32 [n, D], and logits, float32 [n, K], of images, uint8 [N, C, H, W], part by part.

        Raises:
            InputError: the images do not have the shape that the extractor accepts.
        """
        for output in self.extract_outputs(images):
            yield output.features, output.logits

    def extract_outputs(self, images: Images) -> Iterator[OutputArrays]:
        """Yield the network's outputs for images, uint8 [N, C, H, W], part by part, in the images' order.

        Each of several devices computes one part at a time, so that memory does not grow with N. The parts are the
        same as with one device, and so are the bits of the output if the devices are of the same type.

        Raises:
            InputError: the images do not have the shape that the extractor accepts.
        """
        self._check_shape(list(images.shape[1:]))
        starts = range(0, len(images), IMAGES_AT_A_TIME)
        parts = (torch.from_numpy(np.array(images[start : start + IMAGES_AT_A_TIME])) for start in starts)
        replicas = self._make_replicas(len(starts) // LEAST_PARTS_A_DEVICE)
        if len(replicas) == 1:
            yield from (_compute(part, *replicas[0]) for part in parts)
            return
        with ThreadPoolExecutor(len(replicas)) as executor:
            pending: deque[Future[OutputArrays]] = deque()
            for index, part in enumerate(parts):
                # The oldest pending part was computed on the device that gets the next part.
                if len(pending) == len(replicas):
                    yield pending.popleft().result()
                pending.append(executor.submit(_compute, part, *replicas[index % len(replicas)]))
            while pending:
                yield pending.popleft().result()

    def _check_shape(self, found: list[int]) -> None:
        expected = self.card.image_shape
        if expected is None:
            # A network that resizes images accepts grey ones, too.
            is_accepted, allowed = len(found) == 3 and found[0] in (1, 3), "of 1 or 3 channels"
        else:
            is_accepted, allowed = found == expected, str(expected)
        if not is_accepted:
            raise InputError(
                f"the {self.card.name} extractor accepts images {allowed}, but these are {found}"
            )

    def _make_replicas(self, count: int) -> list[tuple[Network, torch.device]]:
        """Return the networks on the first `count` devices, at least one, and build those that do not exist yet."""
        wanted = min(count, 1 + len(self._other_devices))
        while len(self._replicas) < wanted and self._replicate is not None:
            device = self._other_devices[len(self._replicas) - 1]
            self._replicas.append((self._replicate(device), device))
        return self._replicas[: max(wanted, 1)]


def load_extractor(
    device: torch.device,
    folder: Path = EXTRACTOR,
    card: Card | None = None,
    other_devices: Sequence[torch.device] | None = None,
) -> Extractor:
    """Load an extractor from its folder.

    Args:
        device: where the network computes.
        folder: the folder with the card and the weights.
        card: replaces the folder's card, for example for another precision.
        other_devices: further devices that share the work of large sets of images; None takes all other GPUs if
            `device` is a GPU.

    Raises:
        InputError: the extractor is missing, is damaged, has an unknown name, or has learned nothing; or its weights
            are not those that the card was written for.
    """
    card = read_card(folder) if card is None else card
    if card.class_count is not None and card.class_count < 2:
        raise InputError(
            f"{folder / CARD.name} describes a {card.name} of {card.class_count} class, which had nothing to learn, so "
            "its scores mean nothing; use images of two or more classes, or the extractor inception"
        )
    module, weights = load_extractor_module(card.name), folder / WEIGHTS.name
    try:
        state = _read_weights(weights, card)
        others = list_other_gpus(device) if other_devices is None else other_devices
        return Extractor(
            card, module.load(card, state, device), device, partial(module.load, card, state), others
        )
    except FileNotFoundError:
        raise InputError(f"{weights} is missing; make it with `dvc repro extractor`") from None
    except (SafetensorError, RuntimeError):
        raise InputError(
            f"{weights} does not hold the {card.name} that {folder / CARD.name} describes; make both anew: "
            "`dvc repro -f extractor`"
        ) from None


def list_other_gpus(device: torch.device) -> list[torch.device]:
    """List the GPUs other than `device`; none if it is not a GPU, or if the user chose it by its number."""
    if str(device) != "cuda":
        return []
    used = torch.cuda.current_device()
    return [torch.device("cuda", index) for index in range(torch.cuda.device_count()) if index != used]


def _compute(part: Tensor, network: Network, device: torch.device) -> OutputArrays:
    with torch.inference_mode():
        output = network(part.to(device))
    spatial = None if output.spatial is None else output.spatial.cpu().numpy()
    return OutputArrays(output.features.cpu().numpy(), output.logits.cpu().numpy(), spatial)


def _read_weights(path: Path, card: Card) -> dict[str, Tensor]:
    """Read the weights after comparing their sha256 with the card's; the hashed bytes are the ones that are used."""
    check_regular_file(path)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != card.file_sha256:
        raise InputError(
            f"{path} has the sha256 {found}, but {path.with_name(CARD.name)} names {card.file_sha256}: it is damaged "
            "or belongs to another extractor; make both anew: `dvc repro -f extractor`"
        )
    return load(content)
