"""The report as one frozen value: page, Markdown, JSON and CSV are made from it and from nothing else.

`report/results.json` holds this value field by field, so these classes are its schema. A number is None where there is
none, and in a range where it is not finite.
"""

from dataclasses import dataclass, replace
from typing import Any

from stages.report.results.neighbours import Neighbours
from stages.report.statistics.metrics import Metric

Row = dict[str, Any]
"""A row of a table: a plain value per column of its CSV file; None where there is no number."""
Count = tuple[int, int]
"""How many of how many."""
Range = tuple[float | None, float | None]
"""The smallest and the largest; None for a number that is not finite."""


@dataclass(frozen=True)
class Gan:
    """A GAN of the comparison.

    Attributes:
        gan: its file's name in stages/gans.
        name: for people.
        colour: in all figures and tables, as #rrggbb.
    """

    gan: str
    name: str
    colour: str


@dataclass(frozen=True)
class PublishedSource:
    """A published table whose numbers stand beside ours.

    Attributes:
        key: the prefix of its columns in Table 1.
        name: of the publication.
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
    """What the report prints for one metric.

    Attributes:
        lowest: of any GAN.
        highest: of any GAN.
        real: of real data.
    """

    lowest: float
    highest: float
    real: float


@dataclass(frozen=True)
class PublishedStudy:
    """What the report compared, how its code evaluated a GAN, and which scores it prints.

    Attributes:
        gan_count: GANs compared.
        setting_count: settings of Adam.
        distinct_images: images generated per GAN.
        copies: times that each image was saved.
        resized_side: pixels that both sides of an image were resized to before FID.
        ranges: of the scores, by the metric's key.
    """

    gan_count: int
    setting_count: int
    distinct_images: int
    copies: int
    resized_side: int
    ranges: dict[str, PublishedRange]


@dataclass(frozen=True)
class Fact:
    """One line of the protocol.

    Attributes:
        name: of the fact.
        value: as it is shown.
        full_value: of a value that is shown shortened; else empty.
    """

    name: str
    value: str
    full_value: str = ""


@dataclass(frozen=True)
class Significance:
    """What all intervals and tests use.

    Attributes:
        confidence: of the intervals, in (0, 1).
        level: below which a p value tells a difference.
        exact_block_count: up to so many blocks the sign-flip test goes through all patterns of signs.
    """

    confidence: float
    level: float
    exact_block_count: int


@dataclass(frozen=True)
class OrderAgreement:
    """How an order of ours agrees with a published one.

    Attributes:
        source: the published table.
        tau: Kendall's tau-b; None where there is none.
        gans_in_common: how many GANs both orders have.
        p: two-sided; None where there is no tau.
        least_p: the smallest p that so many GANs could give.
        can_differ: whether `least_p` is below the level.
        text: tau, n and p for people, or why there is no tau.
    """

    source: str
    tau: float | None
    gans_in_common: int
    p: float | None
    least_p: float
    can_differ: bool
    text: str


@dataclass(frozen=True)
class ScoreOrder:
    """The order of the GANs by one metric.

    Attributes:
        metric: its key.
        names: of the GANs that have a value, the best first.
        published: names of the grid's GANs in the order of each published table, by its source's key.
        agreements: with each published table.
    """

    metric: str
    names: tuple[str, ...]
    published: dict[str, tuple[str, ...]]
    agreements: tuple[OrderAgreement, ...]


@dataclass(frozen=True)
class PairTest:
    """How two GANs differ by one metric.

    Attributes:
        first: a GAN.
        second: another GAN.
        blocks: in how many blocks both have a value.
        first_better: in how many of these the first is better.
        ties: in how many of these neither is.
        difference: mean of first minus second over these blocks; None without any.
        difference_low: lower end of its Student's interval; None below two blocks.
        difference_high: upper end of that interval.
        p: of the paired sign-flip test, two-sided.
        corrected_p: p after the correction for all pairs.
        differs: whether `corrected_p` is below the level.
    """

    first: str
    second: str
    blocks: int
    first_better: int
    ties: int
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float
    corrected_p: float
    differs: bool

    def swap(self) -> "PairTest":
        """Return the same test with the second GAN as the first."""
        mean, low, high = self.difference, self.difference_low, self.difference_high
        return replace(
            self,
            first=self.second,
            second=self.first,
            first_better=self.blocks - self.first_better - self.ties,
            difference=None if mean is None else -mean,
            difference_low=None if high is None else -high,
            difference_high=None if low is None else -low,
        )


@dataclass(frozen=True)
class PairwiseTests:
    """The tests of all pairs of GANs by one metric.

    Attributes:
        metric: its key.
        pairs: in the grid's order.
        overall_p: of Friedman's test that no GAN differs from any other; None below three GANs or two blocks.
        blocks: the most that any pair shares.
        least_p: the smallest corrected p that so many blocks could give.
        least_raw_p: the smallest p before the correction.
        can_differ: whether `least_p` is below the level, so that any difference could be told.
    """

    metric: str
    pairs: tuple[PairTest, ...]
    overall_p: float | None
    blocks: int
    least_p: float
    least_raw_p: float
    can_differ: bool

    def find_pair(self, first: str, second: str) -> PairTest:
        """Return the test of two GANs, with `first` as the first whichever the grid has first."""
        pair = next(pair for pair in self.pairs if {pair.first, pair.second} == {first, second})
        return pair if pair.first == first else pair.swap()


@dataclass(frozen=True)
class Claim:
    """A claim of the report and what our numbers say of it.

    Attributes:
        text: the claim, and where the report makes it.
        verdict: in words.
        holds: whether it holds at the confidence of `Significance`; None when that cannot be told.
        means_agree: whether the bare means agree with it; None when these cannot tell either.
        numbers: what the verdict rests on.
        section: of the page that shows the evidence.
    """

    text: str
    verdict: str
    holds: bool | None
    means_agree: bool | None
    numbers: str
    section: str


@dataclass(frozen=True)
class AblationRow:
    """Scores of real images under one distortion.

    Attributes:
        title: what was done to the images.
        missing: why there are no scores; None where there are.
        distinct_images: how many of the images scored differ.
        inception_score: of the images.
        fid: of the images.
        worse_than: names of the GANs trained here whose best FID is lower.
        share: of the lowest FID that the report prints for a GAN; None unless extractor and data set are the report's.
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
    """What the report's evaluation does to the scores of real images.

    Attributes:
        is_enabled: whether it was measured.
        rows: one per distortion.
        image_count: images scored per row.
        split: that the images are of.
        is_comparable: whether extractor and data set are the report's.
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
class Picture:
    """A picture file in the report's folder.

    Attributes:
        file: its name.
        caption: what stands below it.
        description: what it shows, for readers who do not see it.
    """

    file: str
    caption: str
    description: str


@dataclass(frozen=True)
class TrialProgression:
    """How the images of one trial change over its training.

    Attributes:
        trial: its name.
        gan: its GAN.
        setting: its setting.
        picture: the images of all points, the first on top; None for a trial without points.
        point_count: how many points the picture shows.
        end: what became of a trial that did not reach its end; else empty.
    """

    trial: str
    gan: str
    setting: str
    picture: Picture | None
    point_count: int
    end: str


@dataclass(frozen=True)
class SampleProgression:
    """Images of every GAN under every setting over the training, from the same noise.

    Attributes:
        seed: of the trials shown.
        generator_steps: that any trial shown has a point at.
        trials: one per GAN and setting.
    """

    seed: int
    generator_steps: tuple[int, ...]
    trials: tuple[TrialProgression, ...]


@dataclass(frozen=True)
class Figures:
    """All pictures of the report.

    Attributes:
        figure1: losses of one trial, with real and generated images.
        figure2: the best scores by GAN and setting.
        figure3: the scores over the training.
        losses: of all trials.
        lipschitz: norms of layers, and of gradients; empty without analyses.
        real: real images.
        samples: of each GAN at its best FID.
        interpolations: between noise vectors, of the same trials.
        neighbours: samples with their nearest training images, of the same trials.
        progression: images over the training.
    """

    figure1: Picture
    figure2: Picture
    figure3: Picture
    losses: Picture
    lipschitz: tuple[Picture, ...]
    real: Picture
    samples: tuple[Picture, ...]
    interpolations: tuple[Picture, ...]
    neighbours: tuple[Picture, ...]
    progression: SampleProgression


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
class Report:
    """All that the report shows.

    Attributes:
        title: of the report.
        data_set: its name for people.
        image_size: side of an image in pixels.
        extractor: name of the network that the scores come from.
        gans: in the grid's order.
        settings: Adam's numbers by letter.
        seeds: of the trials.
        missing: names of the trials without results.
        metrics: the scores shown, by key.
        sources: published tables that stand beside ours.
        study: the report that is reproduced.
        significance: what intervals and tests use.
        protocol: what all scores were made with, field by field.
        protocol_digest: SHA-256 of the protocol.
        protocol_facts: the same for people, with data set, extractor and machine.
        seeds_note: what the number of seeds lets one conclude.
        limits: what the comparison cannot show.
        table1: each GAN at its best, beside the published numbers; columns as `build_table1` says.
        cells: each GAN under each setting, over its seeds; columns as `build_cell_table` says.
        trials: each trial; columns as `build_trial_table` says.
        orders: of the GANs, one per metric.
        pairwise_tests: of all pairs of GANs, one per metric.
        claims: of the report, with verdicts.
        claims_summary: how many claims hold, do not hold and cannot be told.
        ablation: what the evaluation alone does to scores.
        lipschitz: how large the discriminators' gradients are.
        neighbours: how near samples are to training images.
        figures: the pictures' files and captions.
        provenance: what each trial's numbers were read from.
    """

    title: str
    data_set: str
    image_size: int
    extractor: str
    gans: tuple[Gan, ...]
    settings: dict[str, dict[str, int | float]]
    seeds: tuple[int, ...]
    missing: tuple[str, ...]
    metrics: dict[str, Metric]
    sources: tuple[PublishedSource, ...]
    study: PublishedStudy
    significance: Significance
    protocol: dict[str, Any]
    protocol_digest: str
    protocol_facts: tuple[Fact, ...]
    seeds_note: str
    limits: tuple[str, ...]
    table1: tuple[Row, ...]
    cells: tuple[Row, ...]
    trials: tuple[Row, ...]
    orders: tuple[ScoreOrder, ...]
    pairwise_tests: tuple[PairwiseTests, ...]
    claims: tuple[Claim, ...]
    claims_summary: str
    ablation: AblationSection
    lipschitz: LipschitzSection
    neighbours: Neighbours
    figures: Figures
    provenance: tuple[TrialSource, ...]

    def find_gan(self, gan: str) -> Gan:
        """Return a GAN of the comparison by its file's name."""
        return next(found for found in self.gans if found.gan == gan)
