"""Measure how steep one leg's discriminators are, and what bounds that: models/<leg> -> results/lipschitz/<leg>."""

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
from stages.common.compute import start_compute
from stages.common.entry import read_leg, run_stage
from stages.lipschitz.leg import analyse_leg
from stages.lipschitz.summary import summarise_rows


def main() -> None:
    """A leg that diverged before its first snapshot has no rows, and passes on where it diverged."""
    leg = read_leg(__doc__)
    manifest = read_json(MODELS / leg.name / MANIFEST, made_by=f"train@{leg.name}")
    rows = list(analyse_leg(leg, manifest, start_compute()))
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    write_bytes(LIPSCHITZ / leg.name / METRICS_LOG, lines.encode())
    write_json(LIPSCHITZ / leg.name / METRICS, summarise_rows(rows, manifest["diverged_at_generator_step"]))


if __name__ == "__main__":
    run_stage(main)
