"""Look up the simulated error rates of tests and intervals in simulated.yaml, made by benchmarks/inference.py."""

from pathlib import Path

import yaml

from stages.report.model.comparisons import OperatingCharacteristics

_FOUND = yaml.safe_load(Path(__file__).with_name("simulated.yaml").read_text(encoding="utf-8"))
ERROR = "some difference told, none there"
INTERVALS = (
    "interval of a ratio",
    "interval at the end",
    "interval under one setting",
    "interval at its best",
)
RANKS = "ranks"


def find_simulated(seeds: int) -> OperatingCharacteristics | None:
    """Return the rates for the largest simulated number of seeds that does not exceed `seeds`; None for one seed."""
    known = [count for count in _FOUND["normal"] if count <= seeds]
    if not known:
        return None
    rates = [by_seeds[max(known)] for by_seeds in _FOUND.values()]
    covered = [found[interval] for found in rates for interval in INTERVALS]
    return OperatingCharacteristics(
        seeds=max(known),
        error=max(found[ERROR] for found in rates),
        least_coverage=min(covered),
        most_coverage=max(covered),
        rank_coverage=min(found[RANKS] for found in rates),
    )
