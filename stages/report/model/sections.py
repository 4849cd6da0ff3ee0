"""What the sections on protocol, claims, ablation, discriminators and provenance show."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Count = tuple[int, int]
"""How many of how many."""
Range = tuple[float | None, float | None]
"""The smallest and the largest; None for a number that is not finite."""


@dataclass(frozen=True)
class Fact:
    """One line of the protocol.

    Attributes:
        name: the name of the fact.
        value: the value, as it is shown.
        full_value: the whole value where it is shown shortened; else empty.
    """

    name: str
    value: str
    full_value: str = ""


class Outcome(StrEnum):
    """What our numbers say of a claim, what is decided first."""

    HOLDS = "holds"
    FAILS = "does not hold"
    # A claim about everything that never was otherwise: no number of looks proves it.
    UNCONTRADICTED = "not contradicted"
    OPEN = "cannot be told"
    # The claim is about levels of scores, and these scores are another quantity.
    INCOMPARABLE = "not comparable"
    # The run has no trainings that the claim is about.
    UNASKED = "not asked in this run"


@dataclass(frozen=True)
class Claim:
    """A claim of the published report and what our numbers say of it.

    Attributes:
        text: the claim, and where it is made.
        form: what is computed, and when the claim holds and when it does not.
        outcome: what our numbers say.
        verdict: the outcome in words.
        means_agree: whether the bare means agree with the claim; None when these cannot tell either.
        published: whether the published report's own numbers agree with it; None where it has none.
        numbers: what the verdict rests on.
        power: what could have been told, where the claim cannot be told; else empty.
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
        title: what was done to the images.
        missing: why there are no scores; None where there are.
        distinct_images: how many of the images scored differ.
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
    """What the published report's evaluation does to the scores of real images.

    Attributes:
        is_enabled: whether it was measured.
        rows: one per distortion.
        image_count: images scored per row.
        split: that the images are of.
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
        name: its name for people.
        score_name: what its discriminator outputs for an image.
        sigma: largest singular value of a layer's reshaped weight, of the layer that has the largest.
        operator_norm: norm of a layer as it is applied, of the layer that has the largest.
        sigma_product: product of the layers' `sigma`.
        operator_norm_product: product of the layers' `operator_norm`.
        normaliser_norm: the largest factor that a normaliser scales by; None without normalisers.
        largest_gradient: norm of the gradient by the input.
        mean_gradient_between: mean norm at points between real and generated images.
        within_one: snapshots whose largest gradient norm is at most 1.
        within_sigma_product: snapshots whose largest gradient norm is at most `sigma_product`; None where the
            output is not the network's own.
        within_bound: snapshots whose gradient norms are within their bounds; None where no bound is known.
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
    """How large the discriminators' gradients are.

    Attributes:
        rows: one per GAN that has an analysis.
        missing: names of the trials without one.
    """

    rows: tuple[LipschitzRow, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class TrialSource:
    """What a trial's numbers were read from.

    Attributes:
        trial: its name.
        files: MD5 by path: the name of the file's content in DVC's cache and in dvc.lock.
        settings: Adam's numbers.
        machine: what the trial was trained on.
    """

    trial: str
    files: dict[str, str]
    settings: dict[str, int | float]
    machine: str


@dataclass(frozen=True)
class ExtraColumn:
    """A further score in its table.

    Attributes:
        key: its name in files.
        name: for people.
        digits: the digits after the decimal point.
    """

    key: str
    name: str
    digits: int

    def format(self, value: float | None) -> str:
        """Write a value for people; a dash for none."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def format_span(self, row: dict[str, Any]) -> str:
        """Write the lowest and the highest of several seeds; nothing for one seed, or none."""
        low, high = row[f"{self.key}_low"], row[f"{self.key}_high"]
        return "" if low is None or row["seeds"] < 2 else f"{self.format(low)} to {self.format(high)}"


@dataclass(frozen=True)
class ExtraSection:
    """The scores that `scores.extra` switches on.

    Attributes:
        columns: the columns of the table; empty where none is switched on.
        rows: real data, every GAN under every setting, and entries.
    """

    columns: tuple[ExtraColumn, ...]
    rows: tuple[dict[str, Any], ...]
