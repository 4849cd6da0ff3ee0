"""Write the curves of all trials into one table each, which dvc.yaml's plots draw."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.common.artifacts import CURVES, atomic_path
from stages.summary.entries import EntryRecord
from stages.summary.trials import OF_CURVES, TrialRecord

# The largest number of steps of a trial in the chart of losses; more would overlap and slow the browser down.
MOST_STEPS = 100
NETWORKS = ("discriminator", "generator")
NO_SETTING = "none"


def write_score_curves(trials: list[TrialRecord], entries: list[EntryRecord]) -> None:
    """Write a row for each scored snapshot: the trial, the generator step, FID, and Inception Score or nothing.

    A file of an entry, which has one point and no steps, has a row at the first generator step of all and one at the
    last, so that a level line is drawn.
    """
    columns = ("generator_step", *OF_CURVES)
    rows = [
        record.trial._asdict() | {column: point[column] for column in columns}
        for record in trials
        for point in record.points
    ]
    steps = {row["generator_step"] for row in rows}
    ends = sorted({min(steps), max(steps)}) if steps else []
    rows += [
        {"gan": entry.name, "setting": NO_SETTING, "seed": entry.seed, "generator_step": step}
        | {score: entry.scores[score] for score in OF_CURVES}
        for entry in entries
        for step in ends
    ]
    _write_table(CURVES / "scores.csv", columns, rows)


def write_loss_curves(trials: list[TrialRecord]) -> None:
    """Write a row for each network at evenly spaced logged steps: the trial, the generator step, network and loss."""
    rows = [
        record.trial._asdict() | {"generator_step": row["generator_step"], "network": network, "loss": loss}
        for record in trials
        for row in choose_rows(record.losses)
        for network in NETWORKS
        if (loss := row[f"{network}_loss"])
    ]
    _write_table(CURVES / "losses.csv", ("generator_step", "network", "loss"), rows)


def choose_rows(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Choose at most MOST_STEPS evenly spaced rows, including the last."""
    stride = -(-len(rows) // MOST_STEPS) or 1
    return rows[::-1][::stride][::-1]


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("gan", "setting", "seed", *columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
