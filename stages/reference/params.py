"""The section `reference` of params.yaml, and the key of `sample` that the stage needs."""

from typing import Literal

from pydantic import ConfigDict, Field

from stages.common.params import LARGEST_COUNT, Params


class ReferenceParams(Params):
    """The real images that generated ones are compared with.

    Attributes:
        split: the name of the split of these images.
        count: the number of images that FID compares with, chosen by the seed of `scores`; None uses all.
    """

    split: Literal["train", "test"]
    count: int | None = Field(ge=2, le=LARGEST_COUNT)

    def other_split(self) -> str:
        """Return the split whose images the row of real data scores as if they were generated."""
        return "test" if self.split == "train" else "train"


class SampledParams(Params):
    """The number of images that are generated for a snapshot, which the row of real data uses, too."""

    model_config = ConfigDict(extra="ignore")

    sample_count: int
