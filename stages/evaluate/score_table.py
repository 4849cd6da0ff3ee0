"""Format scores and their protocol as text: a line for each score of one set, or a table of several sets."""

from collections.abc import Sequence

from stages.evaluate.result import ScoreResult
from stages.evaluate.score_columns import ScoreColumn, list_columns
from stages.scores.extra_scores import LEAST_IN_CELL

LEGEND = "± is the standard error over samples of images."
REPEATED = "Some images occur more than once: scores of repeated images mean little."


def format_scores(results: Sequence[ScoreResult]) -> str:
    """Format the scores with their standard errors, followed by the protocol, which all results share.

    Args:
        results: one or more results, in the order of the rows.
    """
    body = _format_one(results[0]) if len(results) == 1 else _format_several(results)
    protocol = results[0].protocol
    lines = [*body, "", f"Protocol {protocol.digest}"]
    lines += [
        f"  {name:<30}{'-' if value is None else value}" for name, value in protocol.model_dump().items()
    ]
    compute = results[0].compute
    lines.append(f"{LEGEND} Computed on {compute['device']}, torch {compute['torch']}.")
    return "\n".join(lines)


def _format_one(result: ScoreResult) -> list[str]:
    lines = [f"{result.fake} against {result.real}", ""]
    lines += [_format_score(result, column) for column in list_columns([result])]
    lines.append(f"{'Distinct images':<18}{result.distinct_images:>12} of {result.fake_count}")
    return lines + list_notes(result)


def list_notes(result: ScoreResult) -> list[str]:
    """List remarks on the scored images: repeated ones, ones among the real images, and the held-out images used."""
    notes = [REPEATED] if result.distinct_images < result.fake_count else []
    if result.shared_images:
        notes.append(f"{result.shared_images} of them are, to the pixel, among the real images.")
    return notes if result.held_out is None else [*notes, _describe_copying_test(result, result.held_out)]


def _describe_copying_test(result: ScoreResult, held_out: str) -> str:
    deviation = result.values.get("ct_null_deviation")
    if deviation is None:
        return (
            f"C_T has no value: no cell of the training images has {LEAST_IN_CELL} of the images and {LEAST_IN_CELL} "
            f"of the held-out ones, {held_out}; compare more images."
        )
    return f"C_T compares with the held-out images {held_out}; without copying it is 0 ± {deviation:.3f}."


def _format_score(result: ScoreResult, column: ScoreColumn) -> str:
    score, digits = result.scores[column.key], column.digits
    line = f"{column.name:<18}{score.value:>12.{digits}f}"
    if score.standard_error is not None:
        line += f" ± {score.standard_error:.{digits}f}"
    if score.low is not None and score.high is not None:
        line += f"   95 %: {score.low:.{digits}f} to {score.high:.{digits}f}"
    return line


def make_rows(results: Sequence[ScoreResult]) -> tuple[list[str], list[list[str]]]:
    """Make the header and the rows of a table: name, number of images, distinct ones, and every score."""
    columns = list_columns(results)
    header = ["Images", "n", "Distinct", *(column.name for column in columns)]
    rows = [
        [result.fake, str(result.fake_count), str(result.distinct_images)]
        + [column.format(result.scores.get(column.key)) for column in columns]
        for result in results
    ]
    return header, rows


def _format_several(results: Sequence[ScoreResult]) -> list[str]:
    header, rows = make_rows(results)
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    notes = [f"{result.fake}: {note}" for result in results for note in list_notes(result)]
    return [f"{len(results)} sets against {results[0].real}", "", *lines, *(["", *notes] if notes else [])]
