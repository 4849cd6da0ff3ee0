"""Read a trial's losses over its training."""

import csv
from pathlib import Path
from typing import NamedTuple

from stages.common.artifacts import LOSS_CURVES, TRAINING, Trial
from stages.common.errors import InputError
from stages.report.results.records import parse_content


class Losses(NamedTuple):
    """A trial's losses at the logged generator steps; None where a loss is not finite."""

    generator_steps: list[int]
    discriminator: list[float | None]
    generator: list[float | None]


def read_losses(trial: Trial) -> Losses:
    """Read losses.csv.

    Raises:
        InputError: the file is missing or damaged.
    """
    path, made_by = TRAINING / trial.name / LOSS_CURVES, f"train@{trial.name}"
    if not path.exists():
        raise InputError(f"{path} is missing; make it with `dvc repro {made_by}`")
    return parse_content(path, made_by, lambda: _parse_losses(path))


def _parse_losses(path: Path) -> Losses:
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return Losses(
        [int(row["generator_step"]) for row in rows],
        [_parse_loss(row["discriminator_loss"]) for row in rows],
        [_parse_loss(row["generator_loss"]) for row in rows],
    )


def _parse_loss(text: str) -> float | None:
    return float(text) if text else None
