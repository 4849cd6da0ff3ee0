"""The tables, as plain values that pages, files and the terminal lay out each in its own way."""

import csv
from pathlib import Path
from typing import Any

from stages.common.artifacts import atomic_path
from stages.report.published import REAL, name_gan, published_score
from stages.report.results.read import Results, TrialResult
from stages.report.statistics.scores import METRICS, Cell, Metric, find_best, rank_gans, summarise

DIVERGED = "diverged"
MISSING = "missing"
OTHER_PROTOCOL = (
    "The report's scores are of CIFAR-10 with the Inception network: ranks compare, values do not."
)
SOURCES = {"report": "report_table1", "miyato2018": "miyato2018_table2"}


def build_table1(results: Results) -> list[dict[str, Any]]:
    """Build the report's Table 1: real data, then every GAN at its best, with the published numbers.

    Returns:
        One record a row; a number that there is none of is None.
    """
    rows = [_describe_real(results)]
    orders = {metric.key: list(rank_gans(results, metric)) for metric in METRICS}
    for gan in results.grid.gans:
        row: dict[str, Any] = {"gan": gan, "name": name_gan(gan)}
        for metric in METRICS:
            row |= _describe_best(find_best(results, gan, metric), metric)
            order = orders[metric.key]
            row[f"{metric.key}_rank"] = order.index(gan) + 1 if gan in order else None
        row["trials_missing"] = sum(result.is_missing for result in results.trials if result.trial.gan == gan)
        rows.append(row | _list_published(gan))
    return rows


def _describe_real(results: Results) -> dict[str, Any]:
    row: dict[str, Any] = {"gan": REAL, "name": "Real data"}
    for metric in METRICS:
        row |= dict.fromkeys(_best_columns(metric), None)
        row |= {metric.key: results.real[metric.key], f"{metric.key}_rank": None}
    kept = ("inception_score_deviation", "fid_low", "fid_high")
    row |= {key: results.real[key] for key in kept} | {"trials_missing": 0}
    return row | _list_published(REAL)


def _best_columns(metric: Metric) -> list[str]:
    names = "deviation low high seeds seeds_planned seeds_diverged setting generator_step epoch last"
    return [metric.key, *(f"{metric.key}_{name}" for name in names.split())]


def _describe_best(cell: Cell | None, metric: Metric) -> dict[str, Any]:
    if cell is None:
        return dict.fromkeys(_best_columns(metric), None)
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
        # Over several seeds there is no one point at which the mean was reached.
        cell.point.generator_step if is_alone else None,
        cell.point.epoch if is_alone else None,
        None if cell.last is None else cell.last.mean,
    )
    return dict(zip(_best_columns(metric), values, strict=True))


def _list_published(row: str) -> dict[str, float | None]:
    return {
        f"{name}_{metric.key}": published_score(source, row, metric.key)
        for name, source in SOURCES.items()
        for metric in METRICS
    }


def build_cell_table(results: Results) -> list[dict[str, Any]]:
    """Build the table behind Table 1 and Figure 2: every GAN under every setting, over its seeds.

    Returns:
        One record a GAN and setting; a number that there is none of is None.
    """
    rows = []
    for gan in results.grid.gans:
        for setting in results.grid.settings_used:
            row: dict[str, Any] = {"gan": gan, "name": name_gan(gan), "setting": setting}
            row["trials_missing"] = sum(result.is_missing for result in results.of(gan, setting))
            for metric in METRICS:
                cell = summarise(results, gan, setting, metric)
                described = _describe_best(cell, metric)
                del described[f"{metric.key}_setting"]
                row |= described | _describe_last(cell, metric)
            rows.append(row)
    return rows


def _describe_last(cell: Cell | None, metric: Metric) -> dict[str, float | None]:
    names = [f"{metric.key}_last_{name}" for name in ("deviation", "low", "high")]
    last = None if cell is None else cell.last
    values = (None, None, None) if last is None else (last.deviation, last.low, last.high)
    return dict(zip(names, values, strict=True))


def build_trial_table(results: Results) -> list[dict[str, Any]]:
    """Build the table of all trials: best and last scores, where, and what the training took."""
    return [_describe_trial(result) for result in results.trials]


def _describe_trial(result: TrialResult) -> dict[str, Any]:
    row: dict[str, Any] = {**result.trial._asdict(), "name": name_gan(result.trial.gan)}
    for metric in METRICS:
        best = metric.choose(result.points) if result.points else None
        last = result.points[-1] if result.points and result.diverged_at is None else None
        row |= {
            metric.key: None if best is None else metric.of(best),
            f"{metric.key}_generator_step": None if best is None else best.generator_step,
            f"{metric.key}_last": None if last is None else metric.of(last),
        }
        interval = (None, None) if best is None else best.interval_of(metric.key)
        row |= {f"{metric.key}_low": interval[0], f"{metric.key}_high": interval[1]}
    kept = ("generator_steps", "discriminator_steps", "epochs", "training_seconds", "images_per_second")
    return (
        row
        | {
            "least_distinct_images": min((point.distinct_images for point in result.points), default=None),
            "diverged_at_generator_step": result.diverged_at,
            "is_missing": result.is_missing,
        }
        | {key: result.training.get(key) for key in kept}
    )


def show_value(row: dict[str, Any], metric: Metric) -> str:
    """Write a row's best value with its deviation; without one, whether its trials diverged or are missing."""
    if row[metric.key] is None:
        return MISSING if row["trials_missing"] else DIVERGED
    deviation = row.get(f"{metric.key}_deviation")
    spread = "" if deviation is None else f" ± {metric.show(deviation)}"
    return metric.show(row[metric.key]) + spread


def show_interval(row: dict[str, Any], metric: Metric, of: str = "") -> str:
    """Write a row's 95 % interval for people; nothing where there is none.

    Args:
        row: of Table 1 or of the table of cells.
        metric: which.
        of: "" for the best value, "_last" for the last.
    """
    low, high = row.get(f"{metric.key}{of}_low"), row.get(f"{metric.key}{of}_high")
    return "" if low is None or high is None else f"[{metric.show(low)}, {metric.show(high)}]"


def show_place(row: dict[str, Any], metric: Metric) -> str:
    """Write under which setting and when a row's best value was reached; a dash for real data.

    Of several seeds it says how many have a value and how many diverged.
    """
    setting, step, planned = (
        row[f"{metric.key}_{name}"] for name in ("setting", "generator_step", "seeds_planned")
    )
    if setting is None:
        return "–"
    seeds = row[f"{metric.key}_seeds"]
    place = f"{setting}, mean of {seeds} seeds" if step is None else f"{setting}, step {step}"
    diverged = row[f"{metric.key}_seeds_diverged"]
    return place + (f", {diverged} of {planned} diverged" if diverged and planned > 1 else "")


def show_epoch(row: dict[str, Any], metric: Metric) -> str:
    """Write in which epoch a row's best value was reached; nothing where there is no one point."""
    epoch = row[f"{metric.key}_epoch"]
    return "" if epoch is None else f"epoch {epoch:.3g}"


def show_last(row: dict[str, Any], metric: Metric) -> str:
    """Write a row's last value for people."""
    if row["gan"] == REAL:
        return "–"
    last = row[f"{metric.key}_last"]
    if last is None:
        return MISSING if row[metric.key] is None and row["trials_missing"] else DIVERGED
    return metric.show(last)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write records as CSV, an empty field for None, atomically; without records there is an empty file."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def lay_out(rows: list[dict[str, Any]]) -> str:
    """Lay Table 1 out for a terminal."""
    lines = [["", *(f"{metric.title}|at|last|rank" for metric in METRICS), "Report IS|Report FID"]]
    lines = [[cell for part in line for cell in part.split("|")] for line in lines]
    for row in rows:
        line = [row["name"]]
        for metric in METRICS:
            rank = row[f"{metric.key}_rank"]
            value = " ".join(filter(None, (show_value(row, metric), show_interval(row, metric))))
            line += [value, show_place(row, metric), show_last(row, metric)]
            line.append("–" if rank is None else str(rank))
        line += [metric.show(row[f"report_{metric.key}"]) for metric in METRICS]
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    laid = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    rule = "-" * max(map(len, laid))
    missing = sum(row["trials_missing"] for row in rows)
    notes = (
        [f"Missing: {missing} trial{'s' if missing > 1 else ''}; `dvc repro` makes them."] if missing else []
    )
    return "\n".join([laid[0], rule, *laid[1:], "", *notes, OTHER_PROTOCOL]) + "\n"
