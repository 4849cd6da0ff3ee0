"""Read a trial's losses over its training."""

import csv
from typing import NamedTuple

from stages.common.artifacts import LOSS_CURVES, TRAINING, Trial
from stages.report.results.records import take


class Losses(NamedTuple):
    """A trial's losses; None where one is no finite number."""

    generator_steps: list[int]
    discriminator: list[float | None]
    generator: list[float | None]


def read_losses(trial: Trial) -> Losses:
    """Read losses.csv.

    Raises:
        ValueError: the file is missing or damaged.
    """
    path, made_by = TRAINING / trial.name / LOSS_CURVES, f"train@{trial.name}"
    if not path.exists():
        raise ValueError(f"{path} is missing; make it with `dvc repro {made_by}`")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return take(
        path,
        made_by,
        lambda: Losses(
            [int(row["generator_step"]) for row in rows],
            [_number(row["discriminator_loss"]) for row in rows],
            [_number(row["generator_loss"]) for row in rows],
        ),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
