"""Where each number comes from: the files it was read from, by their content, and what they were made with."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import LOSS_CURVES, POINTS, SCORES, TRAINING
from stages.report.results.read import Results, TrialResult

SHOWN_DIGITS = 12


class Source(NamedTuple):
    """What a trial's numbers were read from.

    Attributes:
        trial: its name.
        files: MD5 by path: the name under which DVC keeps the file, in dvc.lock and its cache.
        settings: Adam's numbers.
        machine: what it was trained on.
    """

    trial: str
    files: dict[str, str]
    settings: dict[str, Any]
    machine: str


def trace_sources(results: Results) -> list[Source]:
    """Trace every trial that has results."""
    return [_trace(result, results) for result in results.trials if not result.is_missing]


def digest_protocol(protocol: dict[str, Any]) -> str:
    """Return a protocol's SHA-256: equal for equal protocols, whatever the order of their entries."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()


def _trace(result: TrialResult, results: Results) -> Source:
    name, training = result.trial.name, result.training
    files = (SCORES / name / POINTS, TRAINING / name / LOSS_CURVES)
    device, threads, torch = (training.get(key, "–") for key in ("device", "threads", "torch"))
    return Source(
        trial=name,
        files={str(path): _hash(path) for path in files},
        settings=results.settings[result.trial.setting],
        machine=f"{device}, {threads} threads, torch {torch}",
    )


def _hash(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
