"""Write Table 1 as text for a terminal of 80 columns."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from stages.report import formatting
from stages.report.model.report import Report
from stages.report.statistics.metrics import Metric

CHARACTERS = 80
GAP = "  "


def render_text_table(report: Report) -> str:
    """Format Table 1 without the best scores over points and settings, and what it says, within 80 columns.

    The scores stand side by side if they fit, else, as with the intervals of several seeds, below each other.
    """
    metrics = list(report.metrics.values())
    tables = [_list_cells(report, metrics)]
    if _measure(tables[0]) > CHARACTERS:
        tables = [_list_cells(report, [metric]) for metric in metrics]
    blocks = ["\n".join(_align(cells)) for cells in tables]
    return "\n\n".join([*blocks, "\n".join(_write_notes(report))]) + "\n"


def _list_cells(report: Report, metrics: Sequence[Metric]) -> list[list[str]]:
    """List the cells of each row, the header first."""
    header = [""]
    for metric in metrics:
        header += [formatting.capitalise(metric.short), "rank"]
    published = [metric.published_short for metric in metrics]
    header += [f"Feng et al. {published[0]}", *published[1:]]
    rows = [header]
    for row in report.all_rows:
        cells = [str(row["name"])]
        for metric in metrics:
            cells += [_format_score(row, metric), formatting.format_rank(row, metric)]
        rows.append([*cells, *(metric.format(row[f"report_{metric.key}"]) for metric in metrics)])
    return rows


def _format_score(row: dict[str, Any], metric: Metric) -> str:
    score = (formatting.format_value(row, metric), formatting.format_interval(row, metric))
    return " ".join(filter(None, score))


def _measure(cells: list[list[str]]) -> int:
    """Return the characters of the widest possible line."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _align(cells: list[list[str]]) -> list[str]:
    """Align columns, with a rule below the header; names that leave too little room are cut and get an ellipsis."""
    longest = max(len(row[0]) for row in cells) - max(0, _measure(cells) - CHARACTERS)
    shown = [[name if len(name) <= longest else f"{name[: longest - 1]}…", *row] for name, *row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _write_notes(report: Report) -> list[str]:
    missing = len(report.missing)
    notes = [f"Missing: {formatting.pluralise(missing, 'trial')}; `dvc repro` makes them."] if missing else []
    source = report.sources[0]
    notes += [
        report.answer,
        f"The scores of Feng et al. are of {source.data_set} with the {source.extractor} network: another quantity.",
    ]
    return [line for note in notes for line in wrap(note, CHARACTERS, break_long_words=False)]
