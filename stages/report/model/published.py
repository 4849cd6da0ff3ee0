"""Published results: the tables that stand beside ours, and the published report that is reproduced."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSource:
    """A published table whose numbers stand beside ours.

    Attributes:
        key: the key of the source, the prefix of its columns in Table 1.
        name: the name of the publication.
        table: the name of the table in the publication.
        data_set: the name of the data set of its scores.
        extractor: the name of the network of its scores.
    """

    key: str
    name: str
    table: str
    data_set: str
    extractor: str


@dataclass(frozen=True)
class PublishedRange:
    """The range of scores that the published report prints for one metric.

    Attributes:
        lowest: the lowest score of any GAN.
        highest: the highest score of any GAN.
        real: the score of real data.
    """

    lowest: float
    highest: float
    real: float


@dataclass(frozen=True)
class PublishedStudy:
    """What the published report compared, how its code evaluated a GAN, and which scores it prints.

    Attributes:
        gan_count: the number of GANs compared.
        setting_count: the number of settings of Adam.
        distinct_images: the number of distinct images generated per GAN.
        copies: the number of times that each image was saved.
        resized_side: the side in pixels that images were resized to before FID.
        ranges: the ranges of the scores, by the metric's key.
    """

    gan_count: int
    setting_count: int
    distinct_images: int
    copies: int
    resized_side: int
    ranges: dict[str, PublishedRange]
