"""Keep a copy of the log of a training that runs elsewhere, where live tracking looks for those that run here."""

import fcntl
import shutil
import threading
from pathlib import Path
from typing import IO, Any

from pipeline.tracking.trainings import MACHINE_LOG
from stages.common.artifacts import METRICS_LOG, SCRATCH, TRAINING_LOCK


class TrainingMirror:
    """The log of one trial's training; whoever follows it takes it for one of this machine until it is closed.

    Attributes:
        reached: how long the log of metrics has ever been, in bytes; a training that began anew does not change it
            before it gets further than it ever did.
    """

    def __init__(self, trial: str) -> None:
        self._trial = trial
        self.reached = 0
        # Of the training, and of the samples of its machine, by which followers know that it runs elsewhere.
        self._locks: list[IO[str]] = []
        self._folder: Path | None = None
        # Parts come by another thread than the end.
        self._writing = threading.Lock()
        self._is_closed = False

    def write(self, part: dict[str, Any]) -> None:
        """Write a part of a file.

        Args:
            part: `training`, the name of the training's scratch folder; `name`, of the file; `start`, the byte at which
                the part begins; and `content`.
        """
        with self._writing:
            if not self._is_closed:
                self._write(part)

    def close(self) -> None:
        """Let followers know that the training does not run any more; what comes later is not written."""
        with self._writing:
            self._is_closed = True
            self._release()

    def _write(self, part: dict[str, Any]) -> None:
        folder = SCRATCH / "train" / self._trial / Path(part["training"]).name
        if folder != self._folder:
            self._release()
            # A checkpoint that an earlier run left here does not fit a log of another training.
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
