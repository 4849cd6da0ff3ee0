"""The trainings of this repository: which run now, where they write their logs, and whether they are finished."""

from pathlib import Path

import psutil

from stages.common.artifacts import METRICS_LOG, SCRATCH, TRAINING, Trial


def list_running_trainings() -> dict[Trial, float]:
    """List the trials that processes of this repository train now, with each process's start time in seconds."""
    folder, trainings = Path.cwd(), {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "stages.train" in words and Path(process.cwd()) == folder:
                trainings[_parse_trial(words)] = process.create_time()
        except (psutil.Error, OSError, ValueError):
            # The process has ended meanwhile, belongs to another user, or was not started as DVC starts a training.
            continue
    return trainings


def list_logs(trial: Trial) -> list[Path]:
    """List the logs in a trial's scratch folders, each of which is named by a hash of what its training depends on."""
    return sorted((SCRATCH / "train" / trial.name).glob(f"*/{METRICS_LOG}"))


def is_exported(trial: Trial, log: Path) -> bool:
    """Tell whether the training that wrote this log has finished and its log is the one in results/train/<trial>."""
    exported = TRAINING / trial.name / METRICS_LOG
    if not (log.exists() and exported.exists()):
        return False
    return log.stat().st_size == exported.stat().st_size and log.read_bytes() == exported.read_bytes()


def find_exported_log(trial: Trial) -> Path | None:
    """Find the scratch log of the training whose results are in results/train/<trial>."""
    return next((log for log in list_logs(trial) if is_exported(trial, log)), None)


def _parse_trial(words: list[str]) -> Trial:
    gan, setting, seed = (words[words.index(f"--{key}") + 1] for key in Trial._fields)
    return Trial(gan, setting, int(seed))
