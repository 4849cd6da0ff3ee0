"""Read how long a training took, from files that no stage depends on and that exist only where the training ran."""

import json
from bisect import bisect_left
from pathlib import Path
from typing import Any, NamedTuple, Self

from stages.common.artifacts import Trial, timings_file

POSITION = "generator_step"
ELAPSED = "elapsed_seconds"


class TrainingTimes(NamedTuple):
    """The times of one training.

    Attributes:
        rows: the rows in the order of the training, each with `generator_step` and numbers by name; empty if the times
            are not known.
    """

    rows: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of times, up to the first incomplete or damaged line; no rows if the file is missing."""
        rows: list[dict[str, Any]] = []
        for line in path.read_bytes().splitlines() if path.is_file() else []:
            try:
                row = json.loads(line)
                rows.append(
                    {name: float(value) for name, value in row.items()} | {POSITION: int(row[POSITION])}
                )
            except (ValueError, TypeError, KeyError, AttributeError):
                break
        return cls([row for row in rows if ELAPSED in row])

    @classmethod
    def find(cls, trial: Trial) -> Self:
        """Find the times of the training whose results are on disk."""
        return cls.read(timings_file(trial))

    @property
    def training_seconds(self) -> float | None:
        """The duration of the training in seconds, including all resumptions; None if it is not known."""
        return self.rows[-1][ELAPSED] if self.rows else None

    def list_numbers(self, generator_step: int) -> dict[str, float]:
        """Return the numbers of the first row at or after a step, or else of the last row; empty if there are none."""
        if not self.rows:
            return {}
        place = bisect_left(self.rows, generator_step, key=lambda row: row[POSITION])
        row = self.rows[min(place, len(self.rows) - 1)]
        return {name: value for name, value in row.items() if name != POSITION}

    def seconds_until(self, generator_step: int) -> float:
        """Return the seconds of training until a step; 0.0 if they are not known."""
        return self.list_numbers(generator_step).get(ELAPSED, 0.0)
