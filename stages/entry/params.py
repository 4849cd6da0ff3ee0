"""An entry, under `entries` of params.yaml: samples, or a generator, of somebody else; and what it is scored by."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from stages.common.params import LARGEST_COUNT, Params
from stages.generators.params import GeneratorOptions
from stages.images.image_arrays import Floats, Layout


class SamplesOptions(Params):
    """How samples are read.

    Attributes:
        layout: the order of an array's axes; `auto` finds it where only one axis can be that of the channels.
        floats: the range of floating-point arrays, `unit` for [0, 1] or `symmetric` for [-1, 1].
        resize: whether images of other sizes are cropped and resized to the data set's; else they are refused.
    """

    layout: Layout
    floats: Floats
    resize: bool


class Entry(Params):
    """Samples or a generator of somebody else, compared with the GANs by the same protocol.

    Attributes:
        title: its name for people.
        files: one for each of its seeds: a folder, a .zip, .npy or .npz of samples, or the file of a generator.
        samples: how samples are read; of an entry of samples alone.
        generator: how images are drawn; of an entry of a generator alone. File i gets the noise of seed i.
    """

    title: str = Field(min_length=1, max_length=100)
    files: list[str] = Field(min_length=1, max_length=1000)
    samples: SamplesOptions | None = None
    generator: GeneratorOptions | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.samples is None) == (self.generator is None):
            raise ValueError(
                "it needs either `samples:` (layout, floats, resize) or `generator:` (z_dimension, z_distribution, "
                "batch_size, output_range), and not both"
            )
        repeated = sorted({file for file in self.files if self.files.count(file) > 1})
        if repeated:
            raise ValueError(f"files names {', '.join(repeated)} more than once; each is one seed")
        return self


class SampledParams(Params):
    """The keys of the section `sample` that an entry shares with the GANs: how many images, and the size of grids."""

    model_config = ConfigDict(extra="ignore")

    sample_count: int = Field(ge=1, le=LARGEST_COUNT)
    grid_rows: int
    grid_columns: int
