"""Read the processor time of trainings that ran on this machine."""

import json
from pathlib import Path

from stages.common.artifacts import Trial, timings_file
from stages.report.results.records import parse_content


def read_processor_seconds(trial: Trial) -> dict[int, float]:
    """Read the processor seconds from a training's start to each of its logged generator steps.

    Returns:
        The seconds by generator step; empty for a training that did not run on this machine.

    Raises:
        InputError: the file is damaged.
    """
    try:
        path = timings_file(trial)
    except FileNotFoundError:
        return {}
    if not path.exists():
        return {}
    return parse_content(path, f"train@{trial.name}", lambda: _parse_seconds(path))


def _parse_seconds(path: Path) -> dict[int, float]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {int(row["generator_step"]): float(row["processor_seconds"]) for row in rows}
