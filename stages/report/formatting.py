"""Format numbers for readers: counts with their nouns, values with their intervals, ranges and p values."""

from collections.abc import Sequence
from typing import Any

from stages.report.model.sections import Count, Range
from stages.report.statistics.metrics import Metric

DIVERGED = "diverged"
MISSING_TRIALS = "missing"
NONE = "–"
LARGE_FROM = 1000.0


def pluralise(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun, `1 seed` or `2 seeds`; `plural` is for irregular plurals."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def join_words(words: Sequence[str]) -> str:
    """Join words with commas, the last with `and`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def capitalise(text: str) -> str:
    """Return a text with its first letter as a capital, and the others unchanged."""
    return text[:1].upper() + text[1:]


def format_percent(share: float, digits: int = 0) -> str:
    """Format a share in [0, 1] in percent."""
    return f"{100.0 * share:.{digits}f} %"


def format_p(p: float) -> str:
    """Format a p value with its relation: `= 0.03` or `< 0.001`."""
    return f"= {p:.2f}" if p >= 0.1 else f"= {p:.2g}" if p >= 0.001 else "< 0.001"


def format_p_cell(p: float | None) -> str:
    """Format a p value for the cell of a table, without an equals sign; a dash for None."""
    return NONE if p is None else format_p(p).removeprefix("= ")


def format_value(row: dict[str, Any], metric: Metric, of: str = "") -> str:
    """Format a row's score, or, if it has none, how many of its trainings diverged or are missing.

    Args:
        row: a row of Table 1, or of the table of GANs and settings.
        metric: the score.
        of: the suffix after the metric's key in the column's name, such as `_best`.
    """
    value = row[f"{metric.key}{of}"]
    if value is not None:
        return metric.format(value)
    planned = row["trials"]
    failures = [(row["trials_diverged"], DIVERGED), (row["trials_missing"], MISSING_TRIALS)]
    texts = [f"{count} of {planned} {what}" if planned > 1 else what for count, what in failures if count]
    return ", ".join(texts) or NONE


def format_interval(row: dict[str, Any], metric: Metric, of: str = "") -> str:
    """Format a row's confidence interval, "" if there is none; the arguments are those of `format_value`."""
    low, high = row.get(f"{metric.key}{of}_low"), row.get(f"{metric.key}{of}_high")
    return "" if low is None or high is None else f"[{metric.format(low)}, {metric.format(high)}]"


def format_rank(row: dict[str, Any], metric: Metric) -> str:
    """Format a row's rank with the range of ranks that its draws allow, if it has one; a dash for real data."""
    rank, low, high = (row[f"{metric.key}_{name}"] for name in ("rank", "rank_low", "rank_high"))
    if rank is None:
        return NONE
    return str(rank) if low is None else f"{rank} [{low}, {high}]"


def format_probability(row: dict[str, Any], metric: Metric) -> str:
    """Format the probability that a row's GAN is the best; a dash if there is none."""
    probability = row[f"{metric.key}_best_probability"]
    return NONE if probability is None else f"{probability:.2f}"


def format_place(row: dict[str, Any], metric: Metric) -> str:
    """Format the settings under which a row's best values were reached, and for one seed the step; a dash for none."""
    settings, step = row[f"{metric.key}_best_settings"], row[f"{metric.key}_best_generator_step"]
    if settings is None:
        return NONE
    return settings if step is None else f"{settings}, step {step}"


def format_epoch(row: dict[str, Any], metric: Metric) -> str:
    """Format the epoch in which a row's best value was reached; "" if several points reached it."""
    epoch = row[f"{metric.key}_best_epoch"]
    return "" if epoch is None else f"epoch {epoch:.3g}"


def format_ratio(ratio: float | None) -> str:
    """Format a ratio; a dash for None."""
    if ratio is None:
        return NONE
    return (
        f"{ratio:.2f}"
        if ratio < LARGE_FROM / 10
        else f"{ratio:.0f}"
        if ratio < LARGE_FROM
        else f"over {LARGE_FROM:,.0f}"
    )


def format_ratio_interval(low: float | None, high: float | None) -> str:
    """Format the interval of a ratio; "" if there is none."""
    return "" if low is None or high is None else f"[{format_ratio(low)}, {format_ratio(high)}]"


def format_range(values: Range | None) -> str:
    """Format a range, as one number if its ends look the same; a dash for None."""
    if values is None:
        return NONE
    low, high = map(format_number, values)
    return low if low == high else f"{low}–{high}"


def format_steps(row: dict[str, Any], key: str) -> str:
    """Format the steps that a row's trials have taken, from the fewest to the most; a dash for none."""
    ends = row[f"least_{key}"], row[f"most_{key}"]
    if None in ends:
        return NONE
    return "–".join(f"{end:,.0f}" for end in dict.fromkeys(ends))


def format_number(value: float | None) -> str:
    """Format a number with three digits, a large one as an integer; None stands for a number that is not finite."""
    if value is None:
        return "∞"
    return f"{value:.3g}" if value < LARGE_FROM else f"{value:,.0f}"


def format_count(counts: Count | None) -> str:
    """Format a count as `yes`, `no` or `2 of 3`; a dash where the question does not arise."""
    if counts is None:
        return NONE
    count, total = counts
    return {0: "no", total: "yes"}.get(count, f"{count} of {total}")


def format_agreement(agrees: bool | None) -> str:
    """Format whether published numbers agree with a claim; a dash where there are none."""
    return NONE if agrees is None else "agree" if agrees else "contradict it"
