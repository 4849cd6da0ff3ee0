"""Runs that follow a training while it goes on: whose they are, and what becomes of them when it ends."""

import socket
from pathlib import Path

import psutil
from mlflow.entities import Run

from pipeline.tracking.runs import COMPLETE, CONTENT_KEY, KIND, TRIAL, YES, delete_tag, list_runs, set_tags
from pipeline.tracking.store import Store
from stages.common.artifacts import METRICS_LOG, SCRATCH, TRAINING, Trial

TRAINING_KEY = "training_key"
FOLLOWER = "followed_by"
RUNNING, FINISHED, KILLED, FAILED = "RUNNING", "FINISHED", "KILLED", "FAILED"


def list_logs(trial: Trial) -> list[Path]:
    """List the logs in a trial's scratch folders: each folder is named by a hash of all the training depends on."""
    return sorted((SCRATCH / "train" / trial.name).glob(f"*/{METRICS_LOG}"))


def find_followed_run(runs: list[Run], trial: Trial) -> Run | None:
    """Find the run that followed the training which left results/train/<trial>, to go on with."""
    for log in list_logs(trial):
        if has_handed_over(trial, log):
            return find_run_of_training(runs, log.parent.name)
    return None


def has_handed_over(trial: Trial, log: Path) -> bool:
    """Tell whether results/train/<trial> is what the training with this log came to."""
    handed_over = TRAINING / trial.name / METRICS_LOG
    if not (log.exists() and handed_over.exists()):
        return False
    return log.stat().st_size == handed_over.stat().st_size and log.read_bytes() == handed_over.read_bytes()


def find_run_of_training(runs: list[Run], training_key: str) -> Run | None:
    """Find the run that follows a training and is not yet a finished trial's."""
    for run in runs:
        tags = run.data.tags
        if tags.get(TRAINING_KEY) == training_key and CONTENT_KEY not in tags:
            return run
    return None


def name_follower() -> str:
    """Name this process so that any other can tell whether it is still there: host, process, its start."""
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"


def end_abandoned_runs(store: Store, experiment_id: str) -> int:
    """End the runs left RUNNING by followers of this host that are no more; return how many.

    A killed follower cannot end its runs itself. Those of other hosts are left to them.
    """
    ended = 0
    for run in list_runs(store, experiment_id, **{KIND: TRIAL}):
        follower = run.data.tags.get(FOLLOWER)
        is_open = run.info.status == RUNNING and run.data.tags.get(COMPLETE) != YES
        if is_open and follower is not None and _is_gone(follower):
            end_run(store, run, KILLED)
            ended += 1
    return ended


def end_run(store: Store, run: Run, status: str, end: int | None = None) -> None:
    """End a run, and take its follower's name off it.

    Args:
        store: where.
        run: what.
        status: one of MLflow's.
        end: in milliseconds; None for now.
    """
    store.client.set_terminated(run.info.run_id, status, end_time=end)
    delete_tag(store, run, FOLLOWER)


def claim(store: Store, run: Run) -> None:
    """Mark a run as followed by this process."""
    set_tags(store, run, {FOLLOWER: name_follower()})
    if run.info.status != RUNNING:
        store.client.update_run(run.info.run_id, status=RUNNING)


def list_trainings() -> dict[Trial, float]:
    """List the trials that processes of this repository train now, with the time at which each process began."""
    here, trials = Path.cwd(), {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "stages.train" in words and Path(process.cwd()) == here:
                trials[_read_trial(words)] = process.create_time()
        except (psutil.Error, OSError, ValueError):
            # It has ended meanwhile, is another user's, or was started in another way than DVC does.
            continue
    return trials


def _read_trial(words: list[str]) -> Trial:
    gan, setting, seed = (words[words.index(f"--{key}") + 1] for key in Trial._fields)
    return Trial(gan, setting, int(seed))


def _is_gone(follower: str) -> bool:
    host, pid, created = follower.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != created
    except psutil.NoSuchProcess:
        return True
