"""The options of calling a generator of somebody else: its noise, its batch size and the range of its output."""

from typing import Literal

from pydantic import Field

from stages.common.params import Params


class GeneratorOptions(Params):
    """How images are drawn from a generator's file.

    Attributes:
        z_dimension: length of a noise vector.
        z_distribution: `normal` for N(0, I), `uniform` for [-1, 1).
        batch_size: number of noise vectors at a time.
        class_count: the number of classes of a conditional generator, whose second input is int64 labels [N] in
            0..class_count - 1; image i is of class i modulo this number. None for a generator that reads only noise.
        output_range: the range of the output: `symmetric` for [-1, 1], `unit` for [0, 1], `uint8` for integers in
            0..255.
    """

    z_dimension: int = Field(ge=1, le=1_000_000)
    z_distribution: Literal["normal", "uniform"]
    batch_size: int = Field(ge=1, le=100_000)
    output_range: Literal["symmetric", "unit", "uint8"]
    class_count: int | None = Field(default=None, ge=1, le=1_000_000)
