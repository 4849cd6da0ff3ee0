"""The section `prepare` of params.yaml, and the known properties of the data sets that it can name."""

from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from stages.common.file_tree import expand_user
from stages.common.params import LARGEST_COUNT, Params, load_section

LARGEST_IMAGE_SIZE = 512
# The generators double a feature map of 4 to 7 pixels at least once, so these are the sizes that they can generate.
IMAGE_SIZES = sorted(
    base << doublings
    for base in range(4, 8)
    for doublings in range(1, 8)
    if base << doublings <= LARGEST_IMAGE_SIZE
)


class DatasetInfo(NamedTuple):
    """Facts about a data set that are known before it is read; None where they depend on the files.

    Attributes:
        channels: 1 for grey, 3 for colour.
        image_size: side of the original images, in pixels.
        class_count: number of classes.
        train_count: number of images of the train split.
        test_count: number of images of the test split.
        homepage: the address of the data set's description.
        licence: the licence that its authors state.
    """

    channels: int | None
    image_size: int | None
    class_count: int | None
    train_count: int | None
    test_count: int | None
    homepage: str
    licence: str


DATASETS = {
    "fashion_mnist": DatasetInfo(
        1,
        28,
        10,
        60_000,
        10_000,
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT (Zalando SE, 2017)",
    ),
    "cifar10": DatasetInfo(
        3, 32, 10, 50_000, 10_000, "https://www.cs.toronto.edu/~kriz/cifar.html", "none stated by its authors"
    ),
    "mnist": DatasetInfo(
        1,
        28,
        10,
        60_000,
        10_000,
        "http://yann.lecun.com/exdb/mnist/",
        "none stated; often given as CC BY-SA 3.0",
    ),
    "digits": DatasetInfo(
        1, 8, 10, 1_497, 300, "https://archive.ics.uci.edu/dataset/80", "CC BY 4.0 (UCI; Alpaydin and Kaynak)"
    ),
    "image_folder": DatasetInfo(
        None, None, None, None, None, "none: the user's own images", "the images' own"
    ),
}


class PrepareParams(Params):
    """The data set, and the size and number of its images."""

    dataset: Literal["fashion_mnist", "cifar10", "mnist", "digits", "image_folder"]
    path: str | None = Field(min_length=1)
    image_size: int
    train_limit: int | None = Field(ge=1, le=LARGEST_COUNT)
    test_limit: int | None = Field(ge=1, le=LARGEST_COUNT)

    @field_validator("image_size")
    @classmethod
    def _check_image_size(cls, size: int) -> int:
        if size in IMAGE_SIZES:
            return size
        below = [allowed for allowed in IMAGE_SIZES if allowed < size][-1:]
        above = [allowed for allowed in IMAGE_SIZES if allowed > size][:1]
        raise ValueError(
            f"{size} pixels: the networks need 4, 5, 6 or 7 times a power of two, from {IMAGE_SIZES[0]} to "
            f"{LARGEST_IMAGE_SIZE}; nearest: {' and '.join(map(str, below + above))}"
        )

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if self.dataset == "image_folder" and self.path is None:
            raise ValueError("path is null, but image_folder needs one: a folder or zip of class folders")
        if self.dataset == "digits" and self.path is not None:
            raise ValueError(f"path = {self.path!r}, but digits comes with scikit-learn; set path to null")
        return self

    @classmethod
    def load(cls) -> "PrepareParams":
        """Read the section from params.yaml.

        Raises:
            ParamsError: a key is unknown, missing, of the wrong type or out of range; all faults at once.
        """
        return load_section(cls, "prepare")

    def local_path(self) -> Path | None:
        """Return the user's path of the data, with `~` expanded; None if the known sources are to be tried."""
        return None if self.path is None else expand_user(self.path)

    def limits(self) -> dict[str, int | None]:
        """Return how many images of each split are kept; None keeps all."""
        return {"train": self.train_limit, "test": self.test_limit}
