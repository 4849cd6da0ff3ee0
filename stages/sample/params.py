"""The section `sample` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from stages.common.params import Params


class SampleParams(Params):
    """How many images are drawn from every snapshot, and the picture of the first of them."""

    sample_count: int = Field(ge=1, le=10_000_000)
    grid_rows: int = Field(ge=1, le=100)
    grid_columns: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _refuse_grid_beyond_samples(self) -> Self:
        if self.grid_rows * self.grid_columns > self.sample_count:
            raise ValueError(
                f"grid_rows * grid_columns = {self.grid_rows * self.grid_columns} is more than sample_count = "
                f"{self.sample_count}; make the grid smaller or draw more samples"
            )
        return self
