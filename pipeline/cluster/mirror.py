"""Keep a local copy of a remote training's log, in the folder in which live tracking looks for logs."""

import fcntl
import shutil
import threading
from pathlib import Path
from typing import IO, Any

from pipeline.tracking.trainings import MACHINE_LOG
from stages.common.artifacts import METRICS_LOG, SCRATCH, TRAINING_LOCK


class TrainingMirror:
    """The local copy of the log of one trial's training; until it is closed, it looks like a running training.

    Attributes:
        reached: the largest length of the log of metrics so far, in bytes; a training that starts again changes it only
            after it has got further than before.
    """

    def __init__(self, trial: str) -> None:
        self._trial = trial
        self.reached = 0
        # The locks of the training, and of the samples of its machine, which tell followers that it runs remotely.
        self._locks: list[IO[str]] = []
        self._folder: Path | None = None
        # `write` and `close` are called by different threads.
        self._writing = threading.Lock()
        self._is_closed = False

    def write(self, part: dict[str, Any]) -> None:
        """Write a part of a file.

        Args:
            part: `training`, the name of the training's scratch folder; `name`, the name of the file; `start`, the byte
                at which the part begins; and `content`, its text.
        """
        with self._writing:
            if not self._is_closed:
                self._write(part)

    def close(self) -> None:
        """Release the locks, so that followers see the end of the training; later parts are not written."""
        with self._writing:
            self._is_closed = True
            self._release()

    def _write(self, part: dict[str, Any]) -> None:
        folder = SCRATCH / "train" / self._trial / Path(part["training"]).name
        if folder != self._folder:
            self._release()
            # An earlier run may have left a checkpoint here, which does not belong to this training's log.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._folder = folder
            for name in (MACHINE_LOG, TRAINING_LOCK):
                self._locks.append((folder / name).open("w"))
                fcntl.flock(self._locks[-1], fcntl.LOCK_SH)
        path = folder / Path(part["name"]).name
        path.touch()
        with path.open("r+b") as file:
            file.seek(part["start"])
            file.truncate()
            file.write(part["content"].encode())
            if path.name == METRICS_LOG:
                self.reached = max(self.reached, file.tell())

    def _release(self) -> None:
        while self._locks:
            self._locks.pop().close()
        self._folder = None
