"""The section `neighbours` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params


class NeighboursParams(Params):
    """Of how many images the nearest training image is sought.

    Attributes:
        sample_count: generated images of each trial's last snapshot, the first ones.
        real_count: images of the test split, the yardstick: no generator has seen or made them.
        shown: samples in each trial's picture.
    """

    sample_count: int = Field(ge=1, le=100_000)
    real_count: int = Field(ge=2, le=100_000)
    shown: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _refuse_showing_beyond_samples(self) -> Self:
        if self.shown > self.sample_count:
            raise ValueError(
                f"shown = {self.shown} is more than sample_count = {self.sample_count}; show fewer or seek for more"
            )
        return self
