"""The section `extractor` of params.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from stages.common.params import Params
from stages.scores.card import INCEPTION_FEATURES


class ClassifierParams(Params):
    """How the embedded classifier is built and trained."""

    seed: int = Field(ge=0, lt=2**31)
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(ge=2, le=65536)
    learning_rate: float = Field(gt=0.0, le=1.0)
    width: int = Field(ge=1, le=1024)
    feature_dimension: int = Field(ge=2, le=4096)
    mirror: bool
    minimum_test_accuracy: float = Field(ge=0.0, le=1.0)


class InceptionParams(Params):
    """Where the Inception weights are, for machines that cannot download them, and how the network computes.

    Attributes:
        weights_path: a local copy; None downloads them.
        precision: of its convolutions. What scores were made with is part of their protocol: bfloat16 is used for
            real and generated images alike, or for neither.
    """

    weights_path: str | None = Field(min_length=1)
    precision: Literal["float32", "bfloat16"]

    def local_path(self) -> Path | None:
        """Where the user keeps the weights, with `~` expanded; None when they are to be downloaded."""
        return None if self.weights_path is None else Path(self.weights_path).expanduser()


class ExtractorParams(Params):
    """Which extractor scores are made with; the section of the other one is kept but not read."""

    name: Literal["classifier", "inception"]
    classifier: ClassifierParams
    inception: InceptionParams

    def feature_dimension(self) -> int:
        """How many features the chosen extractor gives, which FID needs more images than."""
        return self.classifier.feature_dimension if self.name == "classifier" else INCEPTION_FEATURES
