"""Format scores and their protocol as text."""

from collections.abc import Mapping
from typing import Any

# Key of a score, its name for readers, its digits after the decimal point, and the key of its standard error.
ROWS = (
    ("inception_score", "Inception Score", 3, "inception_score_standard_error"),
    ("fid", "FID", 3, "fid_standard_error"),
    ("fid_infinity", "FID-infinity", 3, None),
    ("kid", "KID", 5, "kid_standard_error"),
    ("precision", "Precision", 4, None),
    ("recall", "Recall", 4, None),
    ("density", "Density", 4, None),
    ("coverage", "Coverage", 4, None),
)


def format_scores(record: Mapping[str, Any]) -> str:
    """Format the scores with their standard errors, then the protocol, one line each.

    Args:
        record: the result of `score_images`.
    """
    lines = [f"{record['fake']} against {record['real']}", ""]
    lines += [_format_score(record, *row) for row in ROWS if record.get(row[0]) is not None]
    count = record["protocol"]["sample_count"]
    lines.append(f"{'Distinct images':<18}{record['distinct_images']:>12} of {count}")
    if record["distinct_images"] < count:
        lines.append("Some images occur more than once: scores of repeated images mean little.")
    if record["shared_images"]:
        lines.append(f"{record['shared_images']} of them are, to the pixel, among the real images.")
    lines += ["", f"Protocol {record['protocol_digest']}"]
    lines += [f"  {name:<30}{'-' if value is None else value}" for name, value in record["protocol"].items()]
    lines.append(
        f"± is the standard error over samples of images. Computed on {record['device']}, torch {record['torch']}."
    )
    return "\n".join(lines)


def _format_score(record: Mapping[str, Any], key: str, name: str, digits: int, error: str | None) -> str:
    line = f"{name:<18}{record[key]:>12.{digits}f}"
    if error is not None and record.get(error) is not None:
        line += f" ± {record[error]:.{digits}f}"
    if key == "fid":
        line += f"   95 %: {record['fid_low']:.{digits}f} to {record['fid_high']:.{digits}f}"
    return line
