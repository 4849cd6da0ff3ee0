"""Build the tables of scores: each GAN at its best, each GAN under each setting, and each trial."""

from stages.report.model.report import Row
from stages.report.published import REAL, SOURCES, name_gan, published_score
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import METRICS, Metric
from stages.report.statistics.summary import Cell, find_best_cell, rank_gans, summarise_cell

BEST_COLUMNS = (
    "deviation",
    "low",
    "high",
    "seeds",
    "seeds_planned",
    "seeds_diverged",
    "setting",
    "generator_step",
    "epoch",
    "last",
)
LAST_COLUMNS = ("last_deviation", "last_low", "last_high")
TRAINING_COLUMNS = (
    "generator_steps",
    "discriminator_steps",
    "epochs",
    "training_seconds",
    "images_per_second",
)


def build_table1(results: Results) -> tuple[Row, ...]:
    """Build Table 1, as the published report has it: real data, then every GAN at its best, with the published numbers.

    Returns:
        Rows of `gan`, `name`, `trials_missing`; for each metric its value under its key, and under `<key>_` and a name
        the columns of BEST_COLUMNS and the `rank`; for each published source its value under `<source>_<key>`.
    """
    rows = [_describe_real(results)]
    orders = {metric.key: list(rank_gans(results, metric)) for metric in METRICS}
    for gan in results.grid.gans:
        row: Row = {"gan": gan, "name": name_gan(gan)}
        for metric in METRICS:
            row |= _describe_best(find_best_cell(results, gan, metric), metric)
            order = orders[metric.key]
            row[f"{metric.key}_rank"] = order.index(gan) + 1 if gan in order else None
        row["trials_missing"] = sum(result.is_missing for result in results.trials if result.trial.gan == gan)
        rows.append(row | _list_published(gan))
    return tuple(rows)


def _describe_real(results: Results) -> Row:
    row: Row = {"gan": REAL, "name": "Real data"}
    for metric in METRICS:
        row |= _describe_best(None, metric)
        row |= {metric.key: results.real[metric.key], f"{metric.key}_rank": None}
    known = ("inception_score_deviation", "fid_low", "fid_high")
    row |= {key: results.real[key] for key in known} | {"trials_missing": 0}
    return row | _list_published(REAL)


def _describe_best(cell: Cell | None, metric: Metric) -> Row:
    """Describe a cell's best value; of one seed, with the deviation and interval that its own images give."""
    columns = [metric.key, *(f"{metric.key}_{name}" for name in BEST_COLUMNS)]
    if cell is None:
        return dict.fromkeys(columns, None)
    best, is_alone = cell.best, cell.best.size == 1
    spread = (best.deviation, best.low, best.high)
    if is_alone:
        spread = (cell.point.deviation_of(metric.key), *cell.point.interval_of(metric.key))
    values = (
        best.mean,
        *spread,
        best.size,
        cell.seeds_planned,
        cell.seeds_diverged,
        cell.setting,
        # The mean over several seeds was not reached at any one point.
        cell.point.generator_step if is_alone else None,
        cell.point.epoch if is_alone else None,
        None if cell.last is None else cell.last.mean,
    )
    return dict(zip(columns, values, strict=True))


def _list_published(row: str) -> Row:
    return {
        f"{source.key}_{metric.key}": published_score(source.key, row, metric.key)
        for source in SOURCES
        for metric in METRICS
    }


def build_cell_table(results: Results) -> tuple[Row, ...]:
    """Build the table behind Table 1 and Figure 2: every GAN under every setting, over its seeds.

    Returns:
        Rows of `gan`, `name`, `setting`, `trials_missing`; for each metric the columns of Table 1 without `setting` and
        `rank`, and those of LAST_COLUMNS.
    """
    return tuple(
        _describe_cell(results, gan, setting)
        for gan in results.grid.gans
        for setting in results.grid.settings_used
    )


def _describe_cell(results: Results, gan: str, setting: str) -> Row:
    row: Row = {"gan": gan, "name": name_gan(gan), "setting": setting}
    row["trials_missing"] = sum(result.is_missing for result in results.select_trials(gan, setting))
    for metric in METRICS:
        cell = summarise_cell(results, gan, setting, metric)
        best = _describe_best(cell, metric)
        del best[f"{metric.key}_setting"]
        row |= best | _describe_last(cell, metric)
    return row


def _describe_last(cell: Cell | None, metric: Metric) -> Row:
    last = None if cell is None else cell.last
    values = (None, None, None) if last is None else (last.deviation, last.low, last.high)
    return dict(zip((f"{metric.key}_{name}" for name in LAST_COLUMNS), values, strict=True))


def build_trial_table(results: Results) -> tuple[Row, ...]:
    """Build the table of all trials: best and last scores, where, and what the training took.

    Returns:
        Rows of `gan`, `setting`, `seed`, `name`; for each metric its best value under its key, and under `<key>_` and a
        name its `generator_step`, `last`, `low` and `high`; `least_distinct_images`, `diverged_at_generator_step`,
        `is_missing`, and the columns of TRAINING_COLUMNS.
    """
    return tuple(_describe_trial(result) for result in results.trials)


def _describe_trial(result: TrialResult) -> Row:
    row: Row = {**result.trial._asdict(), "name": name_gan(result.trial.gan)}
    for metric in METRICS:
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
