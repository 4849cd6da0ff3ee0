"""Read the records of a trial, and choose the numbers that `dvc metrics show` lists for it."""

import csv
from typing import Any, NamedTuple

from stages.common.artifacts import (
    LOSS_CURVES,
    METRICS,
    POINTS,
    SCORES,
    TRAINING,
    Trial,
    explain_read_errors,
    read_json,
)

# The table of the default preset has to fit into 120 columns, of which DVC needs four between two numbers.
DIGITS = 4
LAST_SCORES = {
    "fid": "fid",
    "is": "inception_score",
    "kid": "kid",
    "precision": "precision",
    "recall": "recall",
}
OF_CURVES = ("fid", "inception_score")
LOSS_COLUMNS = ("generator_step", "discriminator_loss", "generator_loss")
OF_TRAINING = {"d_loss": "discriminator_loss", "g_loss": "generator_loss"}


class TrialRecord(NamedTuple):
    """The records of a trial.

    Attributes:
        trial: the trial.
        points: the scores of its snapshots in the order of training; empty if it diverged before the first. The
            Inception Score is None where the extractor tells no classes apart.
        training: the summary of the training.
        losses: a row for each logged generator step, as text; a loss that was not finite is empty.
        diverged_at: the generator step of the first loss that was not finite, or None.
    """

    trial: Trial
    points: list[dict[str, Any]]
    training: dict[str, Any]
    losses: list[dict[str, str]]
    diverged_at: int | None


def read_trial(trial: Trial) -> TrialRecord | None:
    """Read a trial's records; None if a stage of the trial failed or was not run.

    Raises:
        InputError: a file is damaged.
    """
    scores_file = SCORES / trial.name / POINTS
    training_file, losses_file = (TRAINING / trial.name / name for name in (METRICS, LOSS_CURVES))
    if not all(path.exists() for path in (scores_file, training_file, losses_file)):
        return None
    train, evaluate = f"train@{trial.name}", f"evaluate@{trial.name}"
    with explain_read_errors(losses_file, train, ValueError, KeyError, csv.Error):
        rows = csv.DictReader(losses_file.read_text(encoding="utf-8").splitlines())
        losses = [{column: row[column] for column in LOSS_COLUMNS} for row in rows]
    with explain_read_errors(scores_file, evaluate, KeyError, TypeError):
        scores = read_json(scores_file, evaluate)
        diverged_at = scores["diverged_at_generator_step"]
        keys = ("generator_step", *OF_CURVES)
        points = [{**point, **{key: point[key] for key in keys}} for point in scores["points"]]
    return TrialRecord(trial, points, read_json(training_file, train), losses, diverged_at)


def summarise_trial(record: TrialRecord) -> dict[str, float | int]:
    """Return the numbers that `dvc metrics show` lists for a trial, to four significant digits.

    Returns:
        `best_fid`, the lowest of all points; `fid`, `is` (the Inception Score), `kid`, `precision` and `recall` of the
        last point; `d_loss` and `g_loss` of the last logged step. A number that does not exist is left out; a trial
        that diverged has `diverged_at`, a generator step.
    """
    numbers: dict[str, float | None] = {}
    if record.points:
        numbers["best_fid"] = min(point["fid"] for point in record.points)
        numbers |= {name: record.points[-1].get(key) for name, key in LAST_SCORES.items()}
    numbers |= {name: record.training.get(key) for name, key in OF_TRAINING.items()}
    summary = shorten_numbers(numbers)
    return summary if record.diverged_at is None else summary | {"diverged_at": record.diverged_at}


def shorten_numbers(numbers: dict[str, float | None]) -> dict[str, float | int]:
    """Round numbers to four significant digits, and leave out those that there are not."""
    return {name: shorten_number(number) for name, number in numbers.items() if number is not None}


def shorten_number(number: float) -> float | int:
    """Round to four significant digits; return an integer where no digit is left after the decimal point."""
    rounded = float(f"{number:.{DIGITS}g}")
    return int(rounded) if abs(rounded) >= 10 ** (DIGITS - 1) else rounded
