"""The section `sample` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params


class SampleParams(Params):
    """The number of images that are generated with every snapshot, and the size of the pictures.

    Attributes:
        sample_count: number of images for each snapshot, each from its own noise.
        grid_rows: rows of the grid of the first images.
        grid_columns: columns of the same grid.
        interpolation_rows: number of pairs of noise vectors in the last snapshot's interpolation.
        interpolation_columns: number of images between the two vectors of a pair, both ends included.
    """

    sample_count: int = Field(ge=1, le=10_000_000)
    grid_rows: int = Field(ge=1, le=100)
    grid_columns: int = Field(ge=1, le=100)
    interpolation_rows: int = Field(ge=1, le=100)
    interpolation_columns: int = Field(ge=2, le=100)

    @model_validator(mode="after")
    def _check_grid_size(self) -> Self:
        if self.grid_rows * self.grid_columns > self.sample_count:
            raise ValueError(
                f"grid_rows * grid_columns = {self.grid_rows * self.grid_columns} is more than sample_count = "
                f"{self.sample_count}; make the grid smaller or generate more samples"
            )
        return self
