"""Find the running trainings of this repository and their logs, and tell whether a training is finished."""

import fcntl
from pathlib import Path

from stages.common.artifacts import METRICS_LOG, SCRATCH, TRAINING, TRAINING_LOCK, Trial

# If a training runs on another machine, this file beside its log has samples of that machine. The process that writes
# the file holds a lock on it.
MACHINE_LOG = "machine.jsonl"


def list_running_trainings() -> dict[Trial, Path]:
    """List the trials whose trainings run now, with the log of each.

    A training holds a lock in its scratch folder until its process ends, however the process was started.
    """
    running = {}
    for lock in (SCRATCH / "train").glob(f"*/*/{TRAINING_LOCK}"):
        if is_locked(lock):
            gan, setting, seed = lock.parent.parent.name.rsplit("-", 2)
            running[Trial(gan, setting, int(seed))] = lock.with_name(METRICS_LOG)
    return running


def is_locked(path: Path) -> bool:
    """Tell whether a process holds a lock on a file; a file that does not exist is not locked."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def list_logs(trial: Trial) -> list[Path]:
    """List the logs in a trial's scratch folders, each of which is named by a hash of what its training depends on."""
    return sorted((SCRATCH / "train" / trial.name).glob(f"*/{METRICS_LOG}"))


def is_exported(trial: Trial, log: Path) -> bool:
    """Tell whether the training that wrote this log has finished, so that results/train/<trial> has an equal log."""
    exported = TRAINING / trial.name / METRICS_LOG
    if not (log.exists() and exported.exists()):
        return False
    return log.stat().st_size == exported.stat().st_size and log.read_bytes() == exported.read_bytes()


def find_exported_log(trial: Trial) -> Path | None:
    """Find the scratch log of the training whose results are in results/train/<trial>."""
    return next((log for log in list_logs(trial) if is_exported(trial, log)), None)
