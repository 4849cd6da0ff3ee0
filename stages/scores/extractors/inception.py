"""The extractor `inception`: InceptionV3 with the published FID weights, downloaded once and checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.common.artifacts import EXTRACTOR
from stages.common.file_tree import expand_user
from stages.scores.card import INCEPTION_FEATURES, Card
from stages.scores.classifier import Network
from stages.scores.extractor_zoo import ExtractorOptions
from stages.scores.inception import Inception
from stages.scores.published_weights import SHA256, URL, describe_inception, write_weights
from stages.scores.weights_files import PublishedFile, download_weights


class Options(ExtractorOptions):
    """The path of the Inception weights, for machines that cannot download them, and the network's precision.

    Attributes:
        weights_path: a local copy of the weights; None downloads them.
        precision: the precision of the convolutions. It is part of every score's protocol, so real and generated images
            are always compared with the same precision.
    """

    tells_classes: ClassVar[bool] = True

    weights_path: str | None = Field(min_length=1)
    precision: Literal["float32", "bfloat16"]

    def count_features(self) -> int:
        """Return D."""
        return INCEPTION_FEATURES

    def local_path(self) -> Path | None:
        """Return the user's path of the weights, with `~` expanded; None if they are to be downloaded."""
        return None if self.weights_path is None else expand_user(self.weights_path)


def make(options: Options, device: torch.device, folder: Path = EXTRACTOR) -> Card:
    """Check the weights and write them as safetensors.

    Raises:
        InputError: the weights cannot be downloaded, or are not the published ones.
    """
    source = options.local_path() or download_weights(PublishedFile("inception", URL, SHA256, "96 MB"))
    file_sha256 = write_weights(source, SHA256, "extractor.inception.weights_path", folder)
    return describe_inception(options.precision, SHA256, file_sha256)


def load(card: Card, state: Mapping[str, Tensor], device: torch.device) -> Network:
    """Build the network from its weights.

    Raises:
        RuntimeError: the weights are those of another network.
    """
    return Inception(state, device, card.precision)
