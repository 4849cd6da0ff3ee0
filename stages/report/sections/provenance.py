"""Trace each trial's numbers to the files that they were read from, by MD5, and to how these were made."""

import hashlib
import json
from typing import Any

from stages.report.formatting import NONE
from stages.report.model.sections import TrialSource
from stages.report.results.all_results import Results
from stages.report.results.entries import EntryResult
from stages.report.results.trials import TrialResult


def trace_sources(results: Results) -> tuple[TrialSource, ...]:
    """Trace every trial and every entry that has results."""
    return (
        *(_trace(result, results) for result in results.trials if not result.is_missing),
        *(_trace_entry(entry) for entry in results.entries if entry.points),
    )


def digest_protocol(protocol: dict[str, Any]) -> str:
    """Return a protocol's SHA-256, which does not depend on the order of its fields."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()


def _trace_entry(entry: EntryResult) -> TrialSource:
    return TrialSource(trial=entry.row_name, files=entry.md5_by_path, settings={}, machine=NONE)


def _trace(result: TrialResult, results: Results) -> TrialSource:
    device, threads, torch = (result.training.get(key, NONE) for key in ("device", "threads", "torch"))
    return TrialSource(
        trial=result.trial.name,
        files=result.md5_by_path,
        settings=results.settings[result.trial.setting],
        machine=f"{device}, threads: {threads}, torch {torch}",
    )
