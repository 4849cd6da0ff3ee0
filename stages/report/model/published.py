"""What is published: the tables that stand beside ours, and the published report that is reproduced."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSource:
    """A published table whose numbers stand beside ours.

    Attributes:
        key: the prefix of its columns in Table 1.
        name: the name of the publication.
        table: which of its tables.
        data_set: that its scores are of.
        extractor: that its scores come from.
    """

    key: str
    name: str
    table: str
    data_set: str
    extractor: str


@dataclass(frozen=True)
class PublishedRange:
    """What the published report prints for one metric.

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
        gan_count: GANs compared.
        setting_count: settings of Adam.
        distinct_images: images generated per GAN.
        copies: times that each image was saved.
        resized_side: pixels that both sides of an image were resized to before FID.
        ranges: the ranges of the scores, by the metric's key.
    """

    gan_count: int
    setting_count: int
    distinct_images: int
    copies: int
    resized_side: int
    ranges: dict[str, PublishedRange]
