"""The report as one frozen value, from which alone the page, Markdown, JSON and CSV are made.

`report/results.json` holds this value field by field, so the classes of this package are its schema. None stands for a
missing number, and in a range for a number that is not finite.
"""

from dataclasses import dataclass
from typing import Any

from stages.report.model.comparisons import (
    Contrasts,
    OperatingCharacteristics,
    Ranking,
    ScoreOrder,
    Significance,
)
from stages.report.model.pictures import Figures
from stages.report.model.published import PublishedSource, PublishedStudy
from stages.report.model.sections import (
    AblationSection,
    Claim,
    ExtraSection,
    Fact,
    LipschitzSection,
    TrialSource,
)
from stages.report.results.neighbours import Neighbours
from stages.report.statistics.metrics import Metric

Row = dict[str, Any]
"""A row of a table: a plain value for each column of the CSV file, or None for a missing number."""


@dataclass(frozen=True)
class Gan:
    """A GAN of the comparison.

    Attributes:
        gan: the name of the GAN's file in stages/gans, without its suffix.
        name: the name of the GAN for readers.
        colour: the colour in all figures and tables, as #rrggbb.
    """

    gan: str
    name: str
    colour: str


@dataclass(frozen=True)
class EntrySection:
    """Samples and generators of somebody else, scored by the same protocol.

    Attributes:
        rows: one row for each entry, with the columns of Table 1.
        seeds: the scores of each file of each entry.
        contrasts: each entry with several seeds against each GAN with several seeds.
        missing: names of the entries without results.
    """

    rows: tuple[Row, ...]
    seeds: tuple[Row, ...]
    contrasts: tuple[Row, ...]
    missing: tuple[str, ...]

    @property
    def most_suspicious(self) -> Row | None:
        """The file with the largest share of suspicious samples among features; None where no distances are known."""
        known = [row for row in self.seeds if row["features_suspicious_share"] is not None]
        return max(known, key=lambda row: float(row["features_suspicious_share"]), default=None)


@dataclass(frozen=True)
class Report:
    """Everything that the report shows.

    Attributes:
        title: the title of the report.
        answer: the answer to the published report's question that the tests allow, in one sentence.
        reading: the reading of the published report that the settings of Adam follow, such as `as described`.
        data_set: the name of the data set for readers.
        image_size: side of an image in pixels.
        extractor: name of the network that the scores come from.
        gans: the GANs in the grid's order.
        settings: Adam's numbers by letter.
        seeds: the seeds of the trials.
        missing: names of the trials without results.
        metrics: the scores shown, by key.
        sources: published tables that stand beside ours.
        study: the published report that is reproduced.
        significance: the confidence, level and power of intervals and tests.
        simulated: how often tests and intervals erred in simulations; None with one seed.
        protocol: the protocol of all scores, field by field.
        protocol_digest: SHA-256 of the protocol.
        protocol_facts: the protocol in words, with data set, extractor and machine.
        seeds_note: the conclusions that the number of seeds allows, in words.
        limits: what the comparison cannot show, one sentence or more each.
        table1: each GAN over all settings, beside the published numbers; columns as `build_table1` says.
        cells: each GAN under each setting, over its seeds, and each entry, whose setting is None; columns as
            `build_cell_table` says.
        budgets: each GAN after the generator steps, and the discriminator steps, that all GANs reached; columns as
            `build_budget_table` says.
        trials: each trial; columns as `build_trial_table` says.
        orders: the orders of the GANs, one per metric.
        contrasts: SNGAN against each rival, one per metric.
        rankings: the rankings of all GANs, one per metric.
        claims: the claims of the published report, with verdicts.
        claims_summary: the number of claims with each verdict, in words.
        ablation: the effect of the published report's evaluation on the scores of real images.
        lipschitz: the norms of the discriminators' layers and gradients.
        neighbours: the distances of samples to their nearest training images.
        figures: the pictures' files and captions.
        provenance: the files that the numbers of each trial and entry were read from.
        entries: samples and generators of somebody else, beside the GANs.
        extra_scores: the scores that `scores.extra` switches on.
    """

    title: str
    answer: str
    reading: str
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
    simulated: OperatingCharacteristics | None
    protocol: dict[str, Any]
    protocol_digest: str
    protocol_facts: tuple[Fact, ...]
    seeds_note: str
    limits: tuple[str, ...]
    table1: tuple[Row, ...]
    cells: tuple[Row, ...]
    budgets: tuple[Row, ...]
    trials: tuple[Row, ...]
    orders: tuple[ScoreOrder, ...]
    contrasts: tuple[Contrasts, ...]
    rankings: tuple[Ranking, ...]
    claims: tuple[Claim, ...]
    claims_summary: str
    ablation: AblationSection
    lipschitz: LipschitzSection
    neighbours: Neighbours
    figures: Figures
    provenance: tuple[TrialSource, ...]
    entries: EntrySection
    extra_scores: ExtraSection

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The rows of Table 1, followed by the rows of the entries."""
        return self.table1 + self.entries.rows

    def has_gan(self, gan: str) -> bool:
        """Return whether a row's `gan` is a GAN of the comparison, as real data and entries are not."""
        return any(found.gan == gan for found in self.gans)

    def find_gan(self, gan: str) -> Gan:
        """Return a GAN of the comparison by its file's name."""
        return next(found for found in self.gans if found.gan == gan)
