"""Build the section on entries: rows for Table 1, the scores of each seed, and tests against every GAN."""

from dataclasses import fields

from stages.report.model.report import EntrySection, Row
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.results.entries import EntryPoint, EntryResult
from stages.report.results.neighbours import NearestDistances
from stages.report.sections.score_tables import describe_interval, list_empty_columns
from stages.report.statistics.contrasts import correct_by_holm
from stages.report.statistics.intervals import LEVEL, Interval
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import collect_last_scores, require_all, take_log
from stages.report.statistics.summary import average
from stages.report.statistics.unpaired import compare_unpaired


def build_entries(results: Results) -> EntrySection:
    """Build the section on entries, which is empty if there are none.

    Returns:
        `rows` with the columns of Table 1, whose best and last values are equal, as an entry has one point; `seeds`
        with `entry`, `name`, `seed`, `sha256`, each metric with its interval, `distinct_images`, and in each space,
        `pixels` and `features`, `<space>_median`, `<space>_held_out_median` and `<space>_suspicious_share` of the
        distances to the nearest training images, None where these are not known; `contrasts` with
        `metric`, `entry`, `name`, `rival`, `rival_name`, `ratio`, `low`, `high`, `p`, `corrected_p`, `is_significant`.
    """
    return EntrySection(
        rows=tuple(_build_row(entry, results) for entry in results.entries),
        seeds=tuple(row for entry in results.entries for row in _list_seeds(entry, results)),
        contrasts=tuple(row for metric in results.metrics for row in _contrast(results, metric)),
        missing=tuple(entry.name for entry in results.entries if not entry.points),
    )


def list_entry_cells(results: Results) -> tuple[Row, ...]:
    """List the entries' rows of the table behind Figure 2, with its columns; they have no setting."""
    return tuple(_build_cell(entry, results) for entry in results.entries)


def _build_row(entry: EntryResult, results: Results) -> Row:
    row: Row = {"gan": entry.row_name, "name": entry.title} | _count_files(entry)
    row |= list_empty_columns(results)
    for metric in results.metrics:
        mean = _average_files(entry, metric)
        row |= describe_interval(mean, metric.key) | describe_interval(mean, f"{metric.key}_best")
    return row


def _build_cell(entry: EntryResult, results: Results) -> Row:
    row: Row = {"gan": entry.row_name, "name": entry.title, "setting": None} | _count_files(entry)
    for metric in results.metrics:
        mean = _average_files(entry, metric)
        row |= describe_interval(mean, f"{metric.key}_best") | describe_interval(mean, f"{metric.key}_last")
    return row


def _count_files(entry: EntryResult) -> Row:
    return {"trials": len(entry.points), "trials_diverged": 0, "trials_missing": int(not entry.points)}


def _average_files(entry: EntryResult, metric: Metric) -> Interval | None:
    return average([take_log(value) for value in entry.values_of(metric)], metric)


def _list_seeds(entry: EntryResult, results: Results) -> list[Row]:
    return [
        {"entry": entry.name, "name": entry.title, "seed": point.seed, "sha256": point.sha256}
        | {metric.key: getattr(point, metric.key) for metric in results.metrics}
        | {"fid_low": point.fid_low, "fid_high": point.fid_high, "distinct_images": point.distinct_images}
        | _describe_neighbours(point)
        for point in entry.points
    ]


def _describe_neighbours(point: EntryPoint) -> Row:
    found = point.neighbours and point.neighbours.distances
    spaces = {"pixels": found and found.pixels, "features": found and found.features}
    keys = [field.name for field in fields(NearestDistances)]
    return {
        f"{space}_{key}": distances and getattr(distances, key)
        for space, distances in spaces.items()
        for key in keys
    }


def _contrast(results: Results, metric: Metric) -> list[Row]:
    """Compare each entry of several seeds with each GAN without failed trainings, with Holm's correction."""
    rows: list[Row] = []
    scores = collect_last_scores(results, metric)
    for entry in results.entries:
        own = [take_log(value) for value in entry.values_of(metric)]
        for gan, values in scores.items():
            known = require_all(values)
            if len(own) < 2 or known is None or len(known) < 2:
                continue
            names = {"metric": metric.key, "entry": entry.name, "name": entry.title, "rival": gan}
            rows.append(names | {"rival_name": name_gan(gan)} | compare_unpaired(own, known)._asdict())
    corrected = correct_by_holm([row["p"] for row in rows])
    return [
        row | {"corrected_p": p, "is_significant": p is not None and p < LEVEL}
        for row, p in zip(rows, corrected, strict=True)
    ]
