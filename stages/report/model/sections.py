"""The content of the sections on protocol, claims, ablation, discriminators, provenance and further scores."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Count = tuple[int, int]
"""A count and the total that it is out of."""
Range = tuple[float | None, float | None]
"""The smallest and the largest value; None for a number that is not finite."""


@dataclass(frozen=True)
class Fact:
    """One line of the protocol.

    Attributes:
        name: the name of the fact.
        value: the value, as it is shown.
        full_value: the whole value if it is shown shortened; else "".
    """

    name: str
    value: str
    full_value: str = ""


class Outcome(StrEnum):
    """What our numbers say about a claim; the decided outcomes come first."""

    HOLDS = "holds"
    FAILS = "does not hold"
    # The outcome of a claim about everything without a counterexample, which no number of observations proves.
    UNCONTRADICTED = "not contradicted"
    OPEN = "cannot be told"
    # The claim is about levels of scores, and our scores are another quantity.
    INCOMPARABLE = "not comparable"
    # The run has no trainings that the claim is about.
    UNASKED = "not asked in this run"


@dataclass(frozen=True)
class Claim:
    """A claim of the published report, and what our numbers say about it.

    Attributes:
        text: the claim, and where it is made.
        form: what is computed, and when the claim holds and when it does not.
        outcome: the outcome of the check.
        verdict: the outcome in words.
        means_agree: whether the means alone agree with the claim; None if there are no means.
        published: whether the published report's own numbers agree with the claim; None where it has none.
        numbers: the numbers that the verdict rests on.
        power: the difference that could have been told, if the claim cannot be told; else "".
        section: the section of the page that shows the evidence.
    """

    text: str
    form: str
    outcome: Outcome
    verdict: str
    means_agree: bool | None
    published: bool | None
    numbers: str
    power: str
    section: str


@dataclass(frozen=True)
class AblationRow:
    """Scores of real images under one distortion.

    Attributes:
        title: the distortion of the images, in words.
        missing: the reason why there are no scores; None where there are.
        distinct_images: the number of distinct images among the scored ones.
        inception_score: the Inception Score of the images; None where the extractor tells no classes apart.
        fid: the FID of the images.
        worse_than: names of the GANs trained here whose best FID is lower.
        share: the FID's share of the lowest published FID of a GAN; None unless extractor and data set are the
            published ones.
    """

    title: str
    missing: str | None
    distinct_images: int | None
    inception_score: float | None
    fid: float | None
    worse_than: tuple[str, ...]
    share: float | None


@dataclass(frozen=True)
class AblationSection:
    """The effect of the published report's evaluation on the scores of real images.

    Attributes:
        is_enabled: whether the effect was measured.
        rows: one row per distortion.
        image_count: the number of images scored per row.
        split: the split that the images come from.
        is_comparable: whether extractor and data set are the published ones.
    """

    is_enabled: bool
    rows: tuple[AblationRow, ...]
    image_count: int
    split: str
    is_comparable: bool


@dataclass(frozen=True)
class LipschitzRow:
    """Norms and gradients of a GAN's discriminator; ranges are over trials at the end of the training.

    Attributes:
        gan: the GAN.
        name: the name of the GAN for readers.
        score_name: the discriminator's score of an image, in words.
        sigma: the largest singular value of a reshaped weight, over all layers.
        operator_norm: the largest norm of a layer as it is applied, over all layers.
        sigma_product: product of the layers' `sigma`.
        operator_norm_product: product of the layers' `operator_norm`.
        normaliser_norm: the largest factor that a normaliser scales by; None without normalisers.
        largest_gradient: the largest norm of the gradient with respect to the image.
        mean_gradient_between: the mean norm of the gradient at points between real and generated images.
        within_one: the number of snapshots whose largest gradient norm is at most 1.
        within_sigma_product: the number of snapshots whose largest gradient norm is at most `sigma_product`; None if
            the score is not the network's output.
        within_bound: the number of snapshots whose gradient norms are within their bounds; None without a known bound.
        share_of_bound: the largest share of its bound that a gradient norm reached.
    """

    gan: str
    name: str
    score_name: str
    sigma: Range
    operator_norm: Range
    sigma_product: Range
    operator_norm_product: Range
    normaliser_norm: Range | None
    largest_gradient: Range
    mean_gradient_between: Range
    within_one: Count
    within_sigma_product: Count | None
    within_bound: Count | None
    share_of_bound: float | None


@dataclass(frozen=True)
class LipschitzSection:
    """The norms of the discriminators' layers and gradients.

    Attributes:
        rows: one row per GAN that has an analysis.
        missing: the names of the trials without an analysis.
    """

    rows: tuple[LipschitzRow, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class TrialSource:
    """The files that the numbers of a trial or an entry were read from.

    Attributes:
        trial: the name of the trial, or of an entry: `entry-` and its key in params.yaml.
        files: the MD5 of each file by path, by which DVC's cache and dvc.lock name the file's content.
        settings: the numbers of the trial's setting of Adam; empty for an entry.
        machine: the device, threads and version of torch that the trial was trained with; a dash for an
            entry.
    """

    trial: str
    files: dict[str, str]
    settings: dict[str, int | float]
    machine: str


@dataclass(frozen=True)
class ExtraColumn:
    """A column of the table of further scores.

    Attributes:
        key: the name of the score in files.
        name: the name of the score for readers.
        digits: the digits after the decimal point.
    """

    key: str
    name: str
    digits: int

    def format(self, value: float | None) -> str:
        """Format a value; a dash for None."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def format_span(self, row: dict[str, Any]) -> str:
        """Format the lowest and the highest value of several seeds; "" for fewer than two seeds or without values."""
        low, high = row[f"{self.key}_low"], row[f"{self.key}_high"]
        return "" if low is None or row["seeds"] < 2 else f"{self.format(low)} to {self.format(high)}"


@dataclass(frozen=True)
class ExtraSection:
    """The scores that `scores.extra` switches on.

    Attributes:
        columns: the columns of the table; empty if no score is switched on.
        rows: real data, every GAN under every setting, and entries.
    """

    columns: tuple[ExtraColumn, ...]
    rows: tuple[dict[str, Any], ...]
