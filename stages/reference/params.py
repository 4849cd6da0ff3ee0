"""The section `reference` of params.yaml, and what the reference stage needs of `sample`."""

from typing import Literal

from pydantic import ConfigDict, Field

from stages.common.params import Params


class ReferenceParams(Params):
    """Which real images generated ones are compared with.

    Attributes:
        split: the split they are of.
        count: how many of them FID compares with, drawn from the scores' seed; None takes all.
    """

    split: Literal["train", "test"]
    count: int | None = Field(ge=2)

    def other_split(self) -> str:
        """The split that stands for perfect samples in the row of real data."""
        return "test" if self.split == "train" else "train"


class SampledParams(Params):
    """How many images a snapshot is sampled: as many real ones make the row of real data."""

    model_config = ConfigDict(extra="ignore")

    sample_count: int
