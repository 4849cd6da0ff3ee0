"""The section `extractor.classifier` of params.yaml."""

from typing import ClassVar

from pydantic import Field

from stages.scores.extractor_zoo import ExtractorOptions


class ClassifierParams(ExtractorOptions):
    """The architecture and the training of the embedded classifier."""

    tells_classes: ClassVar[bool] = True

    seed: int = Field(ge=0, lt=2**31)
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(ge=2, le=65536)
    learning_rate: float = Field(gt=0.0, le=1.0)
    width: int = Field(ge=1, le=1024)
    feature_dimension: int = Field(ge=2, le=4096)
    mirror: bool
    minimum_test_accuracy: float = Field(ge=0.0, le=1.0)

    def count_features(self) -> int:
        """Return D."""
        return self.feature_dimension
