"""Build the tables of scores: each GAN over all settings, each GAN under each setting, and each trial."""

from collections import Counter
from collections.abc import Sequence

from stages.report.model.comparisons import RankEstimate
from stages.report.model.report import Row
from stages.report.published import REAL, SOURCES, name_gan, published_score
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.sections.ranking import rank_gans
from stages.report.statistics.intervals import Interval
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import collect_best_scores, collect_last_scores
from stages.report.statistics.summary import average, summarise_cell

RANK_COLUMNS = ("rank", "rank_low", "rank_high", "best_probability")
PLACE_COLUMNS = ("best_settings", "best_generator_step", "best_epoch")
TRAINING_COLUMNS = ("generator_steps", "discriminator_steps", "epochs")


def build_table1(results: Results) -> tuple[Row, ...]:
    """Build Table 1: real data, then every GAN, with the published numbers.

    Returns:
        Rows of `gan`, `name`, `trials`, `trials_diverged`, `trials_missing`. For each metric: under its key the primary
        score, the geometric mean over seeds of the last evaluation point's mean over settings; under
        `<key>_` and a name
        the ends of its interval, `low` and `high`, and the columns of RANK_COLUMNS; under `<key>_best` with `_low` and
        `_high` the published Table 1's, each seed's best over evaluation points and settings; and the columns of
        PLACE_COLUMNS. For each published source its value under `<source>_<key>`.
    """
    ranks = {
        metric.key: {row.gan: row for row in rank_gans(results, metric).rows} for metric in results.metrics
    }
    rows = [_describe_real(results)]
    for gan in results.grid.gans:
        trials = [result for result in results.trials if result.trial.gan == gan]
        row: Row = {"gan": gan, "name": name_gan(gan)} | _count_trials(trials)
        for metric in results.metrics:
            row |= describe_interval(average(collect_last_scores(results, metric)[gan], metric), metric.key)
            row |= _describe_rank(ranks[metric.key][gan], metric)
            row |= describe_interval(
                average(collect_best_scores(results, metric)[gan], metric), f"{metric.key}_best"
            )
            row |= _describe_place(trials, results, metric)
        rows.append(row | _list_published(gan, results.metrics))
    return tuple(rows)


def _describe_real(results: Results) -> Row:
    row: Row = {"gan": REAL, "name": "Real data"} | _count_trials([])
    for metric in results.metrics:
        interval = {f"{metric.key}_{end}": results.real.get(f"{metric.key}_{end}") for end in ("low", "high")}
        row |= {metric.key: results.real[metric.key]} | interval
    return list_empty_columns(results) | row | _list_published(REAL, results.metrics)


def list_empty_columns(results: Results) -> Row:
    """Return None for the columns of Table 1 that real data and entries lack, and for those of published numbers."""
    nothing = (*RANK_COLUMNS, "best", "best_low", "best_high", *PLACE_COLUMNS)
    empty = dict.fromkeys(f"{metric.key}_{name}" for metric in results.metrics for name in nothing)
    return empty | dict.fromkeys(
        f"{source.key}_{metric.key}" for source in SOURCES for metric in results.metrics
    )


def _count_trials(trials: list[TrialResult]) -> Row:
    return {
        "trials": len(trials),
        "trials_diverged": sum(result.diverged_at is not None for result in trials),
        "trials_missing": sum(result.is_missing for result in trials),
    }


def describe_interval(mean: Interval | None, key: str) -> Row:
    """Return a mean under `key` and the ends of its interval under `<key>_low` and `<key>_high`."""
    values = (None, None, None) if mean is None else (mean.mean, mean.low, mean.high)
    return dict(zip((key, f"{key}_low", f"{key}_high"), values, strict=True))


def _describe_rank(found: RankEstimate, metric: Metric) -> Row:
    values = (found.rank, found.low, found.high, found.best_probability)
    return dict(zip((f"{metric.key}_{name}" for name in RANK_COLUMNS), values, strict=True))


def _describe_place(trials: list[TrialResult], results: Results, metric: Metric) -> Row:
    """Describe the settings under which each seed's best value was reached; for one seed also the step and epoch."""
    best = []
    for seed in results.grid.seeds:
        own = [trial for trial in trials if trial.trial.seed == seed and trial.points]
        if own:
            best.append(metric.choose_by(own, lambda trial: metric.value_of(metric.choose(trial.points))))
    counts = Counter(trial.trial.setting for trial in best)
    texts = [
        setting if len(best) == 1 else f"{setting} ×{count}" for setting, count in sorted(counts.items())
    ]
    point = metric.choose(best[0].points) if len(best) == len(results.grid.seeds) == 1 else None
    values = (", ".join(texts) or None, point and point.generator_step, point and point.epoch)
    return dict(zip((f"{metric.key}_{name}" for name in PLACE_COLUMNS), values, strict=True))


def _list_published(row: str, metrics: Sequence[Metric]) -> Row:
    return {
        f"{source.key}_{metric.key}": published_score(source.key, row, metric.key)
        for source in SOURCES
        for metric in metrics
    }


def build_cell_table(results: Results) -> tuple[Row, ...]:
    """Build the table behind Figure 2: every GAN under every setting, over its seeds.

    Returns:
        Rows of `gan`, `name`, `setting`, `trials`, `trials_diverged`, `trials_missing`; for each metric under
        `<key>_best` the geometric mean over seeds of each training's best value, under `<key>_last` that
        of the values at the end, and the ends of their intervals under `_low` and `_high`.
    """
    return tuple(
        _describe_cell(results, gan, setting)
        for gan in results.grid.gans
        for setting in results.grid.settings_used
    )


def _describe_cell(results: Results, gan: str, setting: str) -> Row:
    row: Row = {"gan": gan, "name": name_gan(gan), "setting": setting}
    row |= _count_trials(results.select_trials(gan, setting))
    for metric in results.metrics:
        cell = summarise_cell(results, gan, setting, metric)
        row |= describe_interval(cell.best, f"{metric.key}_best")
        row |= describe_interval(cell.last, f"{metric.key}_last")
    return row


def build_trial_table(results: Results) -> tuple[Row, ...]:
    """Build the table of all trials: best and last scores, the steps of the best, and the lengths of the trainings.

    Returns:
        Rows of `gan`, `setting`, `seed`, `name`; for each metric its best value under its key, and under `<key>_` and a
        name its `generator_step`, `last`, `low` and `high` (of draws of images from one generator, not of trainings);
        `least_distinct_images`, `diverged_at_generator_step`, `is_missing`, and the columns of TRAINING_COLUMNS.
    """
    return tuple(_describe_trial(result, results.metrics) for result in results.trials)


def _describe_trial(result: TrialResult, metrics: Sequence[Metric]) -> Row:
    row: Row = {**result.trial._asdict(), "name": name_gan(result.trial.gan)}
    for metric in metrics:
        best = metric.choose(result.points) if result.points else None
        last = result.points[-1] if result.points and result.diverged_at is None else None
        low, high = (None, None) if best is None else best.interval_of(metric.key)
        row |= {
            metric.key: None if best is None else metric.value_of(best),
            f"{metric.key}_generator_step": None if best is None else best.generator_step,
            f"{metric.key}_last": None if last is None else metric.value_of(last),
            f"{metric.key}_low": low,
            f"{metric.key}_high": high,
        }
    row |= {
        "least_distinct_images": min((point.distinct_images for point in result.points), default=None),
        "diverged_at_generator_step": result.diverged_at,
        "is_missing": result.is_missing,
    }
    return row | {key: result.training.get(key) for key in TRAINING_COLUMNS}
