"""The section `sample` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params


class SampleParams(Params):
    """How many images are drawn from every snapshot, and the pictures of some of them.

    Attributes:
        sample_count: distinct images a snapshot.
        grid_rows: of the picture of the first images.
        grid_columns: of the same.
        interpolation_rows: pairs of noise vectors between which the last snapshot's images are drawn.
        interpolation_columns: images from one vector of a pair to the other, both ends counted.
    """

    sample_count: int = Field(ge=1, le=10_000_000)
    grid_rows: int = Field(ge=1, le=100)
    grid_columns: int = Field(ge=1, le=100)
    interpolation_rows: int = Field(ge=1, le=100)
    interpolation_columns: int = Field(ge=2, le=100)

    @model_validator(mode="after")
    def _refuse_grid_beyond_samples(self) -> Self:
        if self.grid_rows * self.grid_columns > self.sample_count:
            raise ValueError(
                f"grid_rows * grid_columns = {self.grid_rows * self.grid_columns} is more than sample_count = "
                f"{self.sample_count}; make the grid smaller or draw more samples"
            )
        return self
