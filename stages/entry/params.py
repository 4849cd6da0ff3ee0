"""The params of an entry, samples or a generator of somebody else, and the keys of `sample` that it is scored by."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from stages.common.params import LARGEST_COUNT, Params
from stages.generators.params import GeneratorOptions
from stages.images.image_arrays import Floats, Layout


class SamplesOptions(Params):
    """How samples are read.

    Attributes:
        layout: the order of an array's axes; `auto` infers it where only one axis can be that of the channels.
        floats: the range of floating-point arrays, `unit` for [0, 1] or `symmetric` for [-1, 1].
        resize: whether images of other sizes are cropped and resized to the data set's size; if not, they are refused.
    """

    layout: Layout
    floats: Floats
    resize: bool


class Entry(Params):
    """Samples or a generator of somebody else, compared with the GANs by the same protocol.

    Attributes:
        title: the name of the entry on the page.
        files: the paths, one for each seed: a folder, .zip, .npy or .npz of samples, or the file of a generator.
        samples: how samples are read; None for an entry that is a generator.
        generator: how images are drawn, with noise of seed i for file i; None for an entry of samples.
    """

    title: str = Field(min_length=1, max_length=100)
    files: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1, max_length=1000)
    samples: SamplesOptions | None = None
    generator: GeneratorOptions | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if not self.title.isprintable():
            raise ValueError(f"title is {self.title!r}; write one line of printable characters")
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


class ComparedParams(Params):
    """The key of the section `neighbours` that says how many images are compared with the training images."""

    model_config = ConfigDict(extra="ignore")

    sample_count: int = Field(ge=1, le=100_000)
