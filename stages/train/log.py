"""Write metrics.jsonl, one row a logged generator step, while the training runs.

Two runs of the same trial write the same bytes: what depends on the clock goes to timings.jsonl.
"""

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stages.common.artifacts import METRICS_LOG, TIMINGS_LOG, atomic_path, write_bytes
from stages.train.record import Checkpoint
from stages.train.timings import Timings

FLUSH_SECONDS = 1.0


class TrainingLog:
    """Collects rows on the device and writes them to the file about once a second, and before every checkpoint.

    Attributes:
        size: the bytes written so far, those of a resumed training's earlier runs among them.
        last_row: the last row, with `images_per_second` since the one before; empty at the start.
    """

    def __init__(
        self,
        folder: Path | None,
        batch_size: int,
        checkpoint: Checkpoint | None = None,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        """Open the log; of an earlier run it keeps the rows up to the checkpoint that the training resumes from.

        Args:
            folder: where METRICS_LOG and TIMINGS_LOG are; None writes none.
            batch_size: real images a discriminator step.
            checkpoint: that checkpoint; None at the start of a training.
            flush_seconds: how long rows may wait to be written; a checkpoint writes them at once.
        """
        self.path = None if folder is None else folder / METRICS_LOG
        self.batch_size = batch_size
        self.flush_seconds = flush_seconds
        kept = b""
        if self.path is not None:
            kept = self.path.read_bytes()[: checkpoint.log_bytes] if checkpoint else b""
            write_bytes(self.path, kept)
        self.size = len(kept)
        self._digest = hashlib.sha256(kept)
        self._timings = Timings(
            None if folder is None else folder / TIMINGS_LOG, checkpoint.generator_step if checkpoint else 0
        )
        self.last_row: dict[str, Any] = json.loads(kept.splitlines()[-1]) if kept else {}
        self._pending: list[tuple[dict[str, Any], list[str], Tensor]] = []
        self._images = 0

    @property
    def sha256(self) -> str:
        """The hash of all rows written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def count_images(self) -> None:
        """Count one discriminator step's real images towards images_per_second."""
        self._images += self.batch_size

    def add(self, position: dict[str, Any], scalars: dict[str, Tensor]) -> None:
        """Collect a row: `position` is how far the training is, `scalars` are tensors on the device."""
        values = torch.stack([value.detach().to(torch.float32) for value in scalars.values()])
        self._pending.append((position, list(scalars), values))

    def is_due(self) -> bool:
        """Tell whether rows have waited for `flush_seconds` to reach the file."""
        return self._timings.seconds_since() >= self.flush_seconds

    def flush(self, generator_step: int, before_generator_step: int | None = None) -> None:
        """Append the collected rows to the file, and the time up to now to the other.

        Args:
            generator_step: that is done.
            before_generator_step: leaves out the rows from this step on.
        """
        rows = [
            position | dict(zip(names, values.tolist(), strict=True))
            for position, names, values in self._pending
            if before_generator_step is None or position["generator_step"] < before_generator_step
        ]
        # The time comes first, so that whoever follows the files finds one for every row.
        timing = self._timings.add(generator_step, self._images)
        content = "".join(map(_to_line, rows)).encode()
        if self.path:
            with self.path.open("ab") as file:
                file.write(content)
        self._digest.update(content)
        self.size += len(content)
        last_row = rows[-1] if rows else self.last_row
        self.last_row = last_row | {"images_per_second": timing["images_per_second"]}
        self._pending, self._images = [], 0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a training's log that is complete."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_loss_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write those columns of the rows that DVC plots as CSV."""
    columns = ["generator_step", "epoch", "discriminator_loss", "generator_loss", "real_score", "fake_score"]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _to_line(row: dict[str, Any]) -> str:
    # JSON has no NaN, so a diagnostic that overflowed while the losses were still finite becomes null.
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
    return json.dumps(finite, allow_nan=False) + "\n"
