"""Look up what was simulated of the tests and intervals: simulated.yaml, which benchmarks/inference.py makes."""

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
    """Return what was simulated for the largest number of seeds that is no larger; None for one seed."""
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
