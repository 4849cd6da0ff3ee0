"""Write numbers for people: counts with their nouns, values with their intervals, ranges and p values."""

from typing import Any

from stages.report.model.sections import Count, Range
from stages.report.published import REAL
from stages.report.statistics.metrics import Metric

DIVERGED = "diverged"
MISSING = "missing"
NONE = "–"
LARGE = 1000.0


def pluralise(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: `1 seed`, `2 seeds`; `plural` is for nouns that take more than an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def format_percent(share: float, digits: int = 0) -> str:
    """Write a share of 1 in percent."""
    return f"{100.0 * share:.{digits}f} %"


def format_p(p: float) -> str:
    """Write a p value for people, with its sign of equality."""
    return f"= {p:.2f}" if p >= 0.1 else f"= {p:.2g}" if p >= 0.001 else "< 0.001"


def format_value(row: dict[str, Any], metric: Metric) -> str:
    """Write a row's best value with its deviation; without one, whether its trials diverged or are missing."""
    if row[metric.key] is None:
        return MISSING if row["trials_missing"] else DIVERGED
    return metric.format(row[metric.key]) + _format_deviation(row.get(f"{metric.key}_deviation"), metric)


def format_last(row: dict[str, Any], metric: Metric) -> str:
    """Write a row's last value, with its deviation where the row has it; a dash for real data."""
    if row["gan"] == REAL:
        return NONE
    last = row[f"{metric.key}_last"]
    if last is None:
        return MISSING if row[metric.key] is None and row["trials_missing"] else DIVERGED
    return metric.format(last) + _format_deviation(row.get(f"{metric.key}_last_deviation"), metric)


def _format_deviation(deviation: float | None, metric: Metric) -> str:
    return "" if deviation is None else f" ± {metric.format(deviation)}"


def format_interval(row: dict[str, Any], metric: Metric, of: str = "") -> str:
    """Write a row's confidence interval for people; nothing where there is none.

    Args:
        row: of Table 1 or of the table of cells.
        metric: which.
        of: "" for the best value, "_last" for the last.
    """
    low, high = row.get(f"{metric.key}{of}_low"), row.get(f"{metric.key}{of}_high")
    return "" if low is None or high is None else f"[{metric.format(low)}, {metric.format(high)}]"


def format_place(row: dict[str, Any], metric: Metric) -> str:
    """Write under which setting and when a row's best value was reached; a dash for real data.

    Of several seeds it says how many have a value and how many diverged.
    """
    setting, step, planned = (
        row[f"{metric.key}_{name}"] for name in ("setting", "generator_step", "seeds_planned")
    )
    if setting is None:
        return NONE
    seeds = row[f"{metric.key}_seeds"]
    place = f"{setting}, mean of {pluralise(seeds, 'seed')}" if step is None else f"{setting}, step {step}"
    diverged = row[f"{metric.key}_seeds_diverged"]
    return place + (f", {diverged} of {planned} diverged" if diverged and planned > 1 else "")


def format_epoch(row: dict[str, Any], metric: Metric) -> str:
    """Write in which epoch a row's best value was reached; nothing where there is no one point."""
    epoch = row[f"{metric.key}_epoch"]
    return "" if epoch is None else f"epoch {epoch:.3g}"


def format_range(values: Range | None) -> str:
    """Write a range for people, one number where its ends look alike, a dash for none."""
    if values is None:
        return NONE
    low, high = map(format_number, values)
    return low if low == high else f"{low}–{high}"


def format_steps(row: dict[str, Any], key: str) -> str:
    """Write what a row of the table of budgets has spent, from the least to the most of its trials; a dash for none."""
    ends = row[f"least_{key}"], row[f"most_{key}"]
    if None in ends:
        return NONE
    return "–".join(f"{end:,}" for end in dict.fromkeys(ends))


def format_number(value: float | None) -> str:
    """Write a number for people in three digits, a large one as a whole number; None is not finite."""
    if value is None:
        return "∞"
    return f"{value:.3g}" if value < LARGE else f"{value:,.0f}"


def format_count(counts: Count | None) -> str:
    """Write how often something is so: yes, no, or how many of how many; a dash where the question does not arise."""
    if counts is None:
        return NONE
    count, total = counts
    return {0: "no", total: "yes"}.get(count, f"{count} of {total}")
