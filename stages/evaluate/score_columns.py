"""The columns of score tables: the scores' names, their digits, and which direction is better."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.evaluate.result import Score, ScoreResult

NONE = "–"


class ScoreColumn(NamedTuple):
    """A column of a table, which shows one score.

    Attributes:
        key: the name of the score in files.
        name: the name of the score in tables.
        digits: the number of digits after the decimal point.
        is_higher_better: whether a higher value is better; None where the best value is neither high nor low.
    """

    key: str
    name: str
    digits: int
    is_higher_better: bool | None

    def format(self, score: Score | None) -> str:
        """Format a score with its standard error, if it has one; a dash stands for no score."""
        if score is None:
            return NONE
        error = "" if score.standard_error is None else f" ± {score.standard_error:.{self.digits}f}"
        return f"{score.value:.{self.digits}f}{error}"


COLUMNS = (
    ScoreColumn("inception_score", "Inception Score", 3, is_higher_better=True),
    ScoreColumn("fid", "FID", 3, is_higher_better=False),
    ScoreColumn("fid_infinity", "FID-infinity", 3, is_higher_better=False),
    ScoreColumn("kid", "KID", 5, is_higher_better=False),
    ScoreColumn("precision", "Precision", 4, is_higher_better=True),
    ScoreColumn("recall", "Recall", 4, is_higher_better=True),
    ScoreColumn("density", "Density", 4, is_higher_better=True),
    ScoreColumn("coverage", "Coverage", 4, is_higher_better=True),
    ScoreColumn("authenticity", "Authenticity", 4, is_higher_better=True),
    ScoreColumn("cmmd", "CMMD", 4, is_higher_better=False),
    ScoreColumn("sfid", "sFID", 3, is_higher_better=False),
    # A value far below 0 means copies, one far above 0 images unlike the training images: neither direction is better.
    ScoreColumn("ct", "C_T", 3, is_higher_better=None),
)


SORTABLE = tuple(column.key for column in COLUMNS if column.is_higher_better is not None)


def list_columns(results: Sequence[ScoreResult]) -> list[ScoreColumn]:
    """List the columns of all scores of the results; a score without a column of its own gets one with its key."""
    keys = {key for result in results for key in result.scores}
    known = {column.key for column in COLUMNS}
    return [
        *(column for column in COLUMNS if column.key in keys),
        *(ScoreColumn(key, key, 4, is_higher_better=False) for key in sorted(keys - known)),
    ]


def sort_results(results: Sequence[ScoreResult], key: str) -> list[ScoreResult]:
    """Sort results by a score, the best first; those without it come last, and ties keep their order."""
    (column,) = (column for column in COLUMNS if column.key == key)
    assert column.is_higher_better is not None
    sign = -1.0 if column.is_higher_better else 1.0

    def place(result: ScoreResult) -> tuple[bool, float]:
        score = result.scores.get(key)
        return score is None, 0.0 if score is None else sign * score.value

    return sorted(results, key=place)
