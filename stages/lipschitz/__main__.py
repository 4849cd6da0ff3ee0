"""Measure the gradients of a trial's discriminators and bound them: models/<trial> -> results/lipschitz/<trial>."""

import json

from stages.common.artifacts import (
    LIPSCHITZ,
    MANIFEST,
    METRICS,
    METRICS_LOG,
    MODELS,
    read_json,
    write_bytes,
    write_json,
)
from stages.common.cli import parse_trial, run_command
from stages.common.compute import configure_compute
from stages.lipschitz.summary import summarise_rows
from stages.lipschitz.trial import analyse_trial


def main() -> None:
    """Write a summary and a row for each snapshot; a trial that diverged before its first snapshot has no rows."""
    trial = parse_trial(__doc__)
    manifest = read_json(MODELS / trial.name / MANIFEST, made_by=f"train@{trial.name}")
    rows = list(analyse_trial(trial, manifest, configure_compute()))
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    write_bytes(LIPSCHITZ / trial.name / METRICS_LOG, lines.encode())
    write_json(LIPSCHITZ / trial.name / METRICS, summarise_rows(rows, manifest["diverged_at_generator_step"]))


if __name__ == "__main__":
    run_command(main)
