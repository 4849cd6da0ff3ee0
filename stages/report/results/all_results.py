"""Read the results of all stages from disk, and refuse scores that must not share a table."""

from typing import Any, NamedTuple

from stages.common.artifacts import (
    DATA_MANIFEST,
    EXTRACTOR,
    POINTS,
    REAL_SCORES,
    SCORES,
    Trial,
    entry_folder,
)
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.common.params import load_section
from stages.report.params import OptionValues, ReportParams, SettingNumbers
from stages.report.published import name_data_set, published_code_options
from stages.report.results.ablation import Ablation, read_ablation
from stages.report.results.entries import EntryResult, read_entries
from stages.report.results.extra_scores import ExtraScores, read_extra_scores
from stages.report.results.lipschitz import Analyses, read_analyses
from stages.report.results.neighbours import Neighbours, read_neighbours
from stages.report.results.records import read_record
from stages.report.results.trials import TrialResult, read_trial
from stages.report.statistics.metrics import Metric, name_metrics
from stages.scores.protocol import COUNTS, check_same_protocol

# The keys of each record that the report shows; a file without one of them is damaged.
REAL_KEYS = (
    "real_split",
    "real_count",
    "other_split",
    "other_count",
    "inception_score",
    "inception_score_deviation",
    "fid",
    "fid_low",
    "fid_high",
    "protocol",
)
CARD_KEYS = ("name", "title", "feature_dimension", "class_count")
DATA_KEYS = ("dataset", "sha256", "licence", "source", "image_size", "channels", "splits")


class Results(NamedTuple):
    """Everything that the report is computed from.

    Attributes:
        title: the title of the report.
        grid: the GANs, settings and seeds.
        settings: the numbers of Adam of each setting used, by letter.
        options: the options of the grid's GANs for which the published report's code has options of its own.
        trials: the trials in the grid's order.
        protocol: the protocol of all scores.
        real: the scores of real images.
        card: the card of the extractor.
        data: the manifest of the data set.
        neighbours: distances to the nearest training images.
        analyses: norms and gradients of the discriminators.
        ablation: scores of distorted real images; None where the ablation is switched off.
        entries: scores of samples and generators of somebody else.
        extra_scores: the scores that `scores.extra` switches on.
    """

    title: str
    grid: Grid
    settings: dict[str, dict[str, int | float]]
    options: dict[str, dict[str, Any]]
    trials: list[TrialResult]
    protocol: dict[str, Any]
    real: dict[str, Any]
    card: dict[str, Any]
    data: dict[str, Any]
    neighbours: Neighbours
    analyses: Analyses
    ablation: Ablation | None
    entries: list[EntryResult]
    extra_scores: ExtraScores

    def select_trials(self, gan: str, setting: str) -> list[TrialResult]:
        """List the trials of a GAN under a setting, one per seed."""
        return [
            result for result in self.trials if result.trial.gan == gan and result.trial.setting == setting
        ]

    @property
    def data_set(self) -> str:
        """The data set's name for readers."""
        return name_data_set(self.data["dataset"])

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The scores that the extractor gives, named after it; the distance is the last."""
        return name_metrics(self.card["name"], tells_classes(self.card))

    @property
    def distance(self) -> Metric:
        """The Fréchet distance, which every extractor gives."""
        return self.metrics[-1]

    def find_metric(self, key: str) -> Metric | None:
        """Return a score by its key; None where the extractor does not give it."""
        return next((metric for metric in self.metrics if metric.key == key), None)

    @property
    def missing(self) -> list[str]:
        """Names of the trials without results, which no table or figure shows."""
        return [result.trial.name for result in self.trials if result.is_missing]

    @property
    def has_published_protocol(self) -> bool:
        """Whether scores are comparable with the published ones: of CIFAR-10, by the Inception network."""
        return bool(self.data["dataset"] == "cifar10" and self.card["name"] == "inception")


def read_results() -> Results:
    """Read the results of the whole grid.

    Raises:
        ParamsError: params.yaml is wrong.
        InputError: no trial has results, a file is damaged, or scores were made under different protocols.
    """
    title = load_section(ReportParams, "report").title
    grid = Grid.load()
    card = read_record(EXTRACTOR / "card.json", "extractor", CARD_KEYS)
    real = read_record(REAL_SCORES, "reference", REAL_KEYS)
    trials, protocols = [], {}
    for trial in grid.trials():
        result, protocol = read_trial(trial, tells_classes(card))
        trials.append(result)
        if not result.is_missing:
            protocols[trial] = protocol
    if not protocols:
        raise InputError(
            f"{SCORES} holds no trial of the {len(trials)} in params.yaml; `dvc repro` makes them"
        )
    _refuse_mixed_protocols(real["protocol"], protocols)
    entries = read_entries(tells_classes(card))
    first_trial, first = next(iter(protocols.items()))
    for entry in entries:
        if entry.points:
            names = (str(SCORES / first_trial.name / POINTS), str(entry_folder(entry.name) / POINTS))
            check_same_protocol(
                first, entry.protocol, names, f"score both alike: `dvc repro entry@{entry.name}`"
            )
    return Results(
        title=title,
        grid=grid,
        settings={letter: _read_setting(letter) for letter in grid.settings_used},
        options={gan: _read_options(gan) for gan in published_code_options() if gan in grid.gans},
        trials=trials,
        protocol=next(iter(protocols.values())),
        real=real,
        card=card,
        data=read_record(DATA_MANIFEST, "prepare", DATA_KEYS),
        neighbours=read_neighbours(),
        analyses=read_analyses(grid),
        ablation=read_ablation(real["protocol"]),
        entries=entries,
        extra_scores=read_extra_scores(real, trials, entries),
    )


def tells_classes(card: dict[str, Any]) -> bool:
    """Return whether an extractor tells classes apart, without which there is no Inception Score."""
    return card["class_count"] is not None


def _read_setting(letter: str) -> dict[str, int | float]:
    return dict(load_section(SettingNumbers, "settings", letter).model_extra or {})


def _read_options(gan: str) -> dict[str, Any]:
    return dict(load_section(OptionValues, "options", gan).model_extra or {})


def _refuse_mixed_protocols(real: dict[str, Any], protocols: dict[Trial, dict[str, Any]]) -> None:
    """Refuse scores of different extractors or protocols, which must never share a table."""
    first_trial, first = next(iter(protocols.items()))
    first_file = str(SCORES / first_trial.name / POINTS)
    for trial, protocol in protocols.items():
        cure = f"score both alike: `dvc repro evaluate@{first_trial.name} evaluate@{trial.name}`"
        check_same_protocol(first, protocol, (first_file, str(SCORES / trial.name / POINTS)), cure)
    # There may be fewer real images than generated ones; the row of real data says how many.
    check_same_protocol(
        first, real, (first_file, str(REAL_SCORES)), "score all alike: `dvc repro`", ignored=COUNTS
    )
