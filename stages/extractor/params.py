"""The section `extractor` of params.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from stages.common.params import Params
from stages.scores.card import INCEPTION_FEATURES


class ClassifierParams(Params):
    """The architecture and the training of the embedded classifier."""

    seed: int = Field(ge=0, lt=2**31)
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(ge=2, le=65536)
    learning_rate: float = Field(gt=0.0, le=1.0)
    width: int = Field(ge=1, le=1024)
    feature_dimension: int = Field(ge=2, le=4096)
    mirror: bool
    minimum_test_accuracy: float = Field(ge=0.0, le=1.0)


class InceptionParams(Params):
    """The path of the Inception weights, for machines that cannot download them, and the network's precision.

    Attributes:
        weights_path: a local copy; None downloads the weights.
        precision: of the convolutions. It is part of every score's protocol, so real and generated images are always
            compared with the same precision.
    """

    weights_path: str | None = Field(min_length=1)
    precision: Literal["float32", "bfloat16"]

    def local_path(self) -> Path | None:
        """Return the user's path of the weights, with `~` expanded; None when they are downloaded."""
        return None if self.weights_path is None else Path(self.weights_path).expanduser()


class ExtractorParams(Params):
    """The extractor that scores are computed with; the section of the other extractor is not used."""

    name: Literal["classifier", "inception"]
    classifier: ClassifierParams
    inception: InceptionParams

    def feature_dimension(self) -> int:
        """Return the number of features of the chosen extractor; FID needs more images than that."""
        return self.classifier.feature_dimension if self.name == "classifier" else INCEPTION_FEATURES
