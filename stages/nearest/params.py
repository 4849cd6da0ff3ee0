"""The section `neighbours` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params


class NeighboursParams(Params):
    """The numbers of images whose nearest training image is searched for.

    Attributes:
        sample_count: number of generated images, the first ones of each trial's last snapshot.
        real_count: number of images of the test split, which are the baseline, as no generator was trained on them.
        shown: number of samples in each trial's picture.
    """

    sample_count: int = Field(ge=1, le=100_000)
    real_count: int = Field(ge=2, le=100_000)
    shown: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _check_shown(self) -> Self:
        if self.shown > self.sample_count:
            raise ValueError(
                f"shown = {self.shown} is more than sample_count = {self.sample_count}; show fewer or search for more"
            )
        return self
