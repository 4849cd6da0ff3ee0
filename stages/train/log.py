"""Write metrics.jsonl, with one row per logged generator step, while the training runs.

Two runs of the same trial write the same bytes, because times are written to timings.jsonl.
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
    """A log that collects rows on the device and writes them about once a second and before every checkpoint.

    Attributes:
        size: the number of bytes written so far, including those of earlier runs of a resumed training.
        last_row: the last row, with `images_per_second` since the row before; empty at the start.
    """

    def __init__(
        self,
        folder: Path | None,
        batch_size: int,
        checkpoint: Checkpoint | None = None,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        """Open the log, and keep an earlier run's rows up to the checkpoint that the training resumes from.

        Args:
            folder: the folder of METRICS_LOG and TIMINGS_LOG; None writes no files.
            batch_size: the number of real images of a discriminator step.
            checkpoint: the checkpoint that the training resumes from; None at the start of a training.
            flush_seconds: the time after which rows are written; a checkpoint writes them at once.
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
        """Collect a row from the training's `position` and from `scalars`, which are tensors on the device."""
        values = torch.stack([value.detach().to(torch.float32) for value in scalars.values()])
        self._pending.append((position, list(scalars), values))

    def is_due(self) -> bool:
        """Return whether rows have waited for `flush_seconds`."""
        return self._timings.seconds_since() >= self.flush_seconds

    def flush(self, generator_step: int, before_generator_step: int | None = None) -> None:
        """Append the collected rows to METRICS_LOG, and the time up to now to TIMINGS_LOG.

        Args:
            generator_step: the number of finished generator steps.
            before_generator_step: the first step whose rows are left out; None writes all.
        """
        rows = [
            position | dict(zip(names, values.tolist(), strict=True))
            for position, names, values in self._pending
            if before_generator_step is None or position["generator_step"] < before_generator_step
        ]
        # The time is written first, so that a reader who follows the files finds a time for every row.
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
    """Read the rows of a finished training's log."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_loss_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the columns of the rows that DVC plots as CSV."""
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
