"""Write metrics.jsonl, one row a logged generator step, while the training runs.

Two runs of the same trial differ in `images_per_second` and `elapsed_seconds` alone; the latter counts the seconds of
training over all resumptions.
"""

import csv
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stages.common.artifacts import atomic_path

FLUSH_SECONDS = 1.0


class TrainingLog:
    """Collects rows on the device and writes them to the file about once a second, and before every checkpoint."""

    def __init__(
        self,
        path: Path | None,
        batch_size: int,
        done_generator_steps: int,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        """Open the log; of an earlier run it keeps the rows up to the checkpoint that the training resumes from.

        Args:
            path: the file; None writes none.
            batch_size: real images a discriminator step.
            done_generator_steps: the generator steps of that checkpoint.
            flush_seconds: how long rows may wait to be written; a checkpoint writes them at once.
        """
        self.path = path
        self.batch_size = batch_size
        self.flush_seconds = flush_seconds
        rows = (
            [row for row in read_rows(path) if row["generator_step"] <= done_generator_steps] if path else []
        )
        if path:
            _write_rows(path, rows)
        self.last_row: dict[str, Any] = rows[-1] if rows else {}
        self._pending: list[tuple[dict[str, Any], list[str], Tensor]] = []
        self._since = time.monotonic()
        self._elapsed_seconds: float = self.last_row.get("elapsed_seconds", 0.0)
        self._images = 0

    def count_images(self) -> None:
        """Count one discriminator step's real images towards images_per_second."""
        self._images += self.batch_size

    def add(self, position: dict[str, Any], scalars: dict[str, Tensor]) -> None:
        """Collect a row: `position` is how far the training is, `scalars` are tensors on the device."""
        values = torch.stack([value.detach().to(torch.float32) for value in scalars.values()])
        self._pending.append((position, list(scalars), values))

    def is_due(self) -> bool:
        """Tell whether rows have waited for `flush_seconds` to reach the file."""
        return time.monotonic() - self._since >= self.flush_seconds

    def flush(self, before_generator_step: int | None = None) -> None:
        """Append the collected rows to the file, without those from step `before_generator_step` on."""
        if not self._pending:
            return
        now = time.monotonic()
        self._elapsed_seconds += now - self._since
        timing = {
            "images_per_second": round(self._images / max(now - self._since, 1e-9), 1),
            "elapsed_seconds": round(self._elapsed_seconds, 3),
        }
        rows = [
            position | dict(zip(names, values.tolist(), strict=True)) | timing
            for position, names, values in self._pending
            if before_generator_step is None or position["generator_step"] < before_generator_step
        ]
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(_to_line(row) for row in rows)
        self.last_row = rows[-1] if rows else self.last_row
        self._pending, self._since, self._images = [], now, 0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a log's rows, without a last line that a kill cut short; a missing file has no rows."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def write_loss_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write those columns of the rows that DVC plots as CSV."""
    columns = ["generator_step", "epoch", "discriminator_loss", "generator_loss", "real_score", "fake_score"]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_to_line(row) for row in rows)


def _to_line(row: dict[str, Any]) -> str:
    # JSON has no NaN, so a diagnostic that overflowed while the losses were still finite becomes null.
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
    return json.dumps(finite, allow_nan=False) + "\n"
