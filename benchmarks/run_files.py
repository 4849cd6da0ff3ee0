"""Read the report/results.json of runs that are compared with each other."""

import json
import statistics
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stages.common.errors import InputError
from stages.report.statistics.seed_scores import take_log

Run = dict[str, Any]
KEYS = ("protocol", "metrics", "settings", "seeds", "trials", "provenance")


def read_runs(paths: list[Path]) -> dict[str, Run]:
    """Read the reports of two or more runs, by path.

    Raises:
        InputError: fewer than two are named, or a file is no report.
    """
    if len(set(paths)) < 2:
        raise InputError(f"{len(set(paths))} run is named; name two or more, each once")
    return {str(path): _read_run(path) for path in paths}


def _read_run(path: Path) -> Run:
    try:
        run: Run = json.loads(path.read_text(encoding="utf-8"))
        return {key: run[key] for key in KEYS}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise InputError(f"{path} is no report/results.json of this program") from None


def average_last(run: Run, gan: str, metric: str, seed: int, settings: Collection[str]) -> float | None:
    """Return a seed's score as in the report: the mean over settings of the logarithm at the last evaluation point.

    None where a training failed, or where there is none.
    """
    values = [
        trial[f"{metric}_last"]
        for trial in run["trials"]
        if (trial["gan"], trial["seed"]) == (gan, seed) and trial["setting"] in settings
    ]
    return None if None in values or not values else statistics.fmean(map(take_log, values))
