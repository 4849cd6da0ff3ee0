"""Trace where each number comes from: the files it was read from, by their content, and how they were made."""

import hashlib
import json
from typing import Any

from stages.report.model.sections import TrialSource
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult


def trace_sources(results: Results) -> tuple[TrialSource, ...]:
    """Trace every trial that has results."""
    return tuple(_trace(result, results) for result in results.trials if not result.is_missing)


def digest_protocol(protocol: dict[str, Any]) -> str:
    """Return a protocol's SHA-256: equal for equal protocols, whatever the order of their entries."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()


def _trace(result: TrialResult, results: Results) -> TrialSource:
    device, threads, torch = (result.training.get(key, "–") for key in ("device", "threads", "torch"))
    return TrialSource(
        trial=result.trial.name,
        files=result.md5_by_path,
        settings=results.settings[result.trial.setting],
        machine=f"{device}, threads: {threads}, torch {torch}",
    )
