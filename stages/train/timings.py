"""Write timings.jsonl, the times of a training up to each of its steps, over all resumptions.

No other file of a training depends on a clock. This one is copied to `timings/`, on which no stage depends.
"""

import json
import time
from pathlib import Path
from typing import Any

from stages.common.artifacts import write_bytes

KEYS = ("generator_step", "elapsed_seconds", "processor_seconds", "images_per_second")


class Timings:
    """A record of wall and processor times, to which each call of `add` appends a row."""

    def __init__(self, path: Path | None, done_generator_steps: int = 0) -> None:
        """Start the clocks.

        Args:
            path: the file; None writes no file. An earlier run's rows up to the checkpoint are kept.
            done_generator_steps: the number of generator steps at the checkpoint that the training resumes from.
        """
        self._path = path
        rows = [] if path is None else _read_rows(path)
        rows = [row for row in rows if row["generator_step"] <= done_generator_steps]
        if path is not None:
            write_bytes(path, "".join(map(_to_line, rows)).encode())
        last = rows[-1] if rows else {"elapsed_seconds": 0.0, "processor_seconds": 0.0}
        self.elapsed_seconds: float = last["elapsed_seconds"]
        self._processor_seconds: float = last["processor_seconds"]
        self._since, self._processor_since = time.monotonic(), time.process_time()

    def seconds_since(self) -> float:
        """Return the seconds since the last row."""
        return time.monotonic() - self._since

    def add(self, generator_step: int, images: int) -> dict[str, Any]:
        """Write and return the row of a generator step.

        Args:
            generator_step: the number of finished generator steps.
            images: the number of real images shown since the last row.
        """
        now, processor_now = time.monotonic(), time.process_time()
        seconds = now - self._since
        self.elapsed_seconds += seconds
        self._processor_seconds += processor_now - self._processor_since
        self._since, self._processor_since = now, processor_now
        row = {
            "generator_step": generator_step,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "processor_seconds": round(self._processor_seconds, 3),
            "images_per_second": round(images / max(seconds, 1e-9), 1),
        }
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_to_line(row))
        return row


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows up to the first truncated or damaged one; a missing file has no rows."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
                rows.append({key: row[key] + 0 for key in KEYS})
            except (ValueError, KeyError, TypeError):
                break
    return rows


def _to_line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"
