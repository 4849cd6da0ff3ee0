"""Read the report/results.json of runs that are compared with each other, and format the comparisons."""

import json
import statistics
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.report.formatting import NONE, format_p_cell, format_ratio, format_ratio_interval
from stages.report.model.comparisons import Contrast
from stages.report.statistics.contrasts import compare_rivals
from stages.report.statistics.seed_scores import SeedScores, take_log

Run = dict[str, Any]
KEYS = ("protocol", "metrics", "settings", "seeds", "trials", "provenance")


def read_named_runs(description: str | None) -> dict[str, Run]:
    """Parse the command line of a command that compares runs, and read the runs that it names.

    Raises:
        InputError: see `read_runs`.
    """
    parser = CommandParser(description)
    parser.add_argument("runs", nargs="+", type=Path, help="report/results.json of each run")
    return read_runs(parser.parse_args().runs)


def read_runs(paths: list[Path]) -> dict[str, Run]:
    """Read the reports of two or more runs, by path.

    Raises:
        InputError: fewer than two different paths are given, or a file is not a report.
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
        raise InputError(
            f"{path} is not the report/results.json of a run; make one with `dvc repro report`"
        ) from None


def average_last(run: Run, gan: str, metric: str, seed: int, settings: Collection[str]) -> float | None:
    """Return a seed's score as in the report: the mean over settings of the logarithm at the last evaluation point.

    It is None where a training failed, or where there is none.
    """
    values = [
        trial[f"{metric}_last"]
        for trial in run["trials"]
        if (trial["gan"], trial["seed"]) == (gan, seed) and trial["setting"] in settings
    ]
    return None if None in values or not values else statistics.fmean(map(take_log, values))


def compare_with(reference: str, scores: SeedScores) -> tuple[Contrast, ...]:
    """Compare the scores of `reference`, by seed, with every other list; None stands for a training that failed."""
    failed = {name: values.count(None) for name, values in scores.items()}
    return compare_rivals(scores, failed, reference=reference)


def list_contrast_cells(row: Contrast) -> list[str]:
    """List the cells of a contrast: ratio, p, corrected p, whether it is significant, and which ratio would be."""
    ratio = f"{format_ratio(row.ratio)} {format_ratio_interval(row.low, row.high)}".strip()
    told = (
        "a training failed"
        if row.failed
        else "no test"
        if row.p is None
        else "yes"
        if row.is_significant
        else "no"
    )
    power = NONE if row.detectable_ratio is None else f"×{format_ratio(row.detectable_ratio)}"
    return [ratio, format_p_cell(row.p), format_p_cell(row.corrected_p), told, power]
