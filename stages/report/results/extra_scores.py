"""Read the scores that `scores.extra` switches on, for real data, every trial's last snapshot and entries."""

from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import POINTS, SCORES, Trial, entry_folder
from stages.report.results.entries import EntryResult
from stages.report.results.records import parse_content, read_record
from stages.report.results.trials import TrialResult

# The names of these scores in files, in the order of the table.
KEYS = ("authenticity", "ct", "ct_null_deviation", "cmmd", "sfid", "intra_fid", "intra_fid_highest")

Values = dict[str, float | None]


class ExtraScores(NamedTuple):
    """The further scores of the comparison.

    Attributes:
        keys: the names of the scores that are switched on.
        real: the scores of real data.
        trials: the scores of the last snapshot of each trial that has results and did not diverge.
        entries: the scores of each file of an entry, by the entry's name.
    """

    keys: tuple[str, ...]
    real: Values
    trials: dict[Trial, Values]
    entries: dict[str, list[Values]]


def read_extra_scores(
    real: dict[str, Any], trials: list[TrialResult], entries: list[EntryResult]
) -> ExtraScores:
    """Read the further scores of all trials and entries that have results.

    Args:
        real: the record of real data.
        trials: the trials of the grid.
        entries: the entries, samples or generators of somebody else.

    Raises:
        InputError: a file is damaged.
    """
    keys = tuple(key for key in KEYS if key in real)
    if not keys:
        return ExtraScores((), {}, {}, {})
    return ExtraScores(
        keys,
        {key: real[key] for key in keys},
        {
            found.trial: _read_points(SCORES / found.trial.name, f"evaluate@{found.trial.name}", keys)[-1]
            for found in trials
            if found.points and found.diverged_at is None
        },
        {
            entry.name: _read_points(entry_folder(entry.name), f"entry@{entry.name}", keys)
            for entry in entries
            if entry.points
        },
    )


def _read_points(folder: Path, made_by: str, keys: tuple[str, ...]) -> list[Values]:
    path = folder / POINTS
    points = read_record(path, made_by, ("points",))["points"]
    return parse_content(
        path, made_by, lambda: [{key: _parse(point[key]) for key in keys} for point in points]
    )


def _parse(value: Any) -> float | None:
    return None if value is None else float(value)
