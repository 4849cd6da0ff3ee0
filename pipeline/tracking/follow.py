"""Follow trainings live: what they write to their logs reaches MLflow within seconds, from a process of its own.

A store that is down, slow or killed holds up nothing: the training knows nothing of it, the rows stay in the log,
and they are sent when the store is back.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from pipeline.tracking.content import list_training_values, parse_rows, read_trial_content, whole_lines
from pipeline.tracking.dataset import name_experiment
from pipeline.tracking.lineage import LOCK_FILE, Lock, describe_commit, read_lock, trace_trial
from pipeline.tracking.live import (
    FAILED,
    FINISHED,
    FOLLOWER,
    KILLED,
    TRAINING_KEY,
    claim,
    end_abandoned_runs,
    end_run,
    find_run_of_training,
    has_handed_over,
    list_logs,
    list_trainings,
    name_follower,
)
from pipeline.tracking.runs import (
    KIND,
    TRIAL,
    create_run,
    list_runs,
    log_missing_values,
    log_values,
    now_milliseconds,
)
from pipeline.tracking.store import STORE_ERRORS, Store, ensure_experiment, lock_store, open_store
from pipeline.tracking.system_metrics import SystemMetrics
from pipeline.tracking.trials import sync_trial
from stages.common.artifacts import DATA_MANIFEST, Trial

POLL_SECONDS = 3.0
SYSTEM_METRICS_SECONDS = 10.0
NICENESS = 5
# A file's time is coarser than a process's.
CLOCK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30.0
LAST_CALL_SECONDS = 15.0


@dataclass
class Followed:
    """A training that is followed.

    Attributes:
        log: the file it writes.
        run: its run.
        offset: bytes of the log that were sent.
        inode: of the log when they were; a resumed training puts another file in its place.
        is_in_doubt: whether the run may lack or hold rows beside those up to `offset`.
        sampled: when system metrics were last taken.
        is_trained: whether the training is over and has handed its files over; nothing will follow in the log.
    """

    log: Path
    run: Run
    offset: int = 0
    inode: int = 0
    is_in_doubt: bool = True
    sampled: float = 0.0
    is_trained: bool = False


class Follower:
    """Brings what trainings log to their runs, poll by poll."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._experiment_id = ""
        self._followed: dict[Trial, Followed] = {}
        self._system_metrics = SystemMetrics()
        self._lock_changed = 0

    def poll(self) -> None:
        """Send what is new of every training, and finish the runs of trials that are finished.

        Raises:
            MlflowException, SQLAlchemyError, OSError: the store did not answer; the next call sends all it lacks.
        """
        if not DATA_MANIFEST.exists():
            return
        if self._store is None:
            store = open_store()
            self._experiment_id = ensure_experiment(store, name_experiment())
            end_abandoned_runs(store, self._experiment_id)
            self._store = store
        trainings = list_trainings()
        for trial, began in trainings.items():
            self._attach(self._store, trial, began)
        for trial, followed in self._followed.items():
            if not followed.is_trained:
                self._send(self._store, followed)
            if trial in trainings:
                self._sample(self._store, followed)
        ended = set(self._followed) - set(trainings)
        # To parse dvc.lock takes longer than all else of a poll.
        changed = LOCK_FILE.stat().st_mtime_ns if LOCK_FILE.exists() else 0
        lock = read_lock() if ended and changed != self._lock_changed else None
        for trial in ended:
            self._finish(self._store, trial, lock)
        if ended:
            self._lock_changed = changed

    def close(self, has_failed: bool) -> None:
        """End the runs that are still open: the command that trained them has ended.

        Raises:
            MlflowException, SQLAlchemyError, OSError: the store did not answer; the next sync ends them.
        """
        self.poll()
        for trial, followed in list(self._followed.items()):
            assert self._store is not None
            status = FINISHED if has_handed_over(trial, followed.log) else FAILED if has_failed else KILLED
            self._end(self._store, trial, status)

    def _attach(self, store: Store, trial: Trial, began: float) -> None:
        """Follow a training, unless it is followed: go on with its run, or make one."""
        # An earlier training's log stays until the new one discards it; the new one writes its own when it begins.
        logs = [log for log in list_logs(trial) if log.stat().st_mtime >= began - CLOCK_SECONDS]
        if not logs or (trial in self._followed and self._followed[trial].log in logs):
            return
        if trial in self._followed:
            self._end(store, trial, KILLED)
        with lock_store():
            runs = list_runs(store, self._experiment_id, **{KIND: TRIAL, TRIAL: trial.name})
            run = find_run_of_training(runs, logs[-1].parent.name)
            if run is None:
                run = self._create(store, trial, logs[-1].parent.name)
            claim(store, run)
        self._followed[trial] = Followed(logs[-1], run)

    def _create(self, store: Store, trial: Trial, key: str) -> Run:
        tags = {KIND: TRIAL, TRIAL: trial.name, TRAINING_KEY: key, FOLLOWER: name_follower()}
        identity = {name: str(value) for name, value in trial._asdict().items()}
        return create_run(
            store, self._experiment_id, trial.name, tags | identity | describe_commit(), now_milliseconds()
        )

    def _send(self, store: Store, followed: Followed) -> None:
        rows, offset, inode = read_new_rows(followed)
        values = list(list_training_values(rows))
        # Until the answer is there, it is not known what arrived.
        was_in_doubt, followed.is_in_doubt = followed.is_in_doubt, True
        if was_in_doubt or inode != followed.inode:
            log_missing_values(store, followed.run, values)
        else:
            log_values(store, followed.run, values)
        followed.is_in_doubt = False
        followed.offset, followed.inode = offset, inode

    def _sample(self, store: Store, followed: Followed) -> None:
        if time.monotonic() - followed.sampled >= SYSTEM_METRICS_SECONDS:
            followed.sampled = time.monotonic()
            metrics = self._system_metrics.sample(followed.run.info.start_time)
            store.client.log_batch(followed.run.info.run_id, metrics=metrics)

    def _finish(self, store: Store, trial: Trial, lock: Lock | None) -> None:
        """Complete the run of a trial that is trained, once it is scored; end it where the training died."""
        followed = self._followed[trial]
        followed.is_trained = followed.is_trained or has_handed_over(trial, followed.log)
        if not followed.is_trained:
            self._end(store, trial, KILLED)
            return
        lineage = trace_trial(trial, lock) if lock is not None else None
        if lineage is None:
            return
        try:
            content = read_trial_content(trial, lineage)
        except ValueError:
            # dvc.lock still tells of the trial as it was before this training.
            return
        with lock_store():
            sync_trial(store, self._experiment_id, content)
        del self._followed[trial]

    def _end(self, store: Store, trial: Trial, status: str) -> None:
        run = self._followed[trial].run
        end_run(store, run, status)
        del self._followed[trial]


class FollowerThread:
    """A follower at work beside something else.

    Attributes:
        processor_seconds: what it took of a processor, once it has ended.
    """

    def __init__(self) -> None:
        self.processor_seconds = 0.0
        self._stop = threading.Event()
        self._has_failed = False
        # As a daemon it cannot hold up the end of the process, whatever the store does.
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self, has_failed: bool, patience: float = LAST_CALL_SECONDS) -> None:
        """Send the last rows and end the runs; a store that does not answer is waited for only so many seconds."""
        self._has_failed = has_failed
        self._stop.set()
        self._thread.join(patience)

    def _run(self) -> None:
        # The training goes first.
        os.nice(NICENESS)
        follower, pause = Follower(), POLL_SECONDS
        while not self._stop.wait(pause):
            pause = self._try(follower.poll, pause)
        self._try(lambda: follower.close(self._has_failed), pause)
        self.processor_seconds = time.thread_time()

    def _try(self, work: Any, pause: float) -> float:
        """Do the work and return how long to wait before the next."""
        try:
            work()
        except STORE_ERRORS as error:
            if pause <= POLL_SECONDS:
                reason = str(error).partition("\n")[0][:200]
                print(
                    f"MLflow does not answer ({reason}); nothing is lost: it is sent when it does", flush=True
                )
            return min(2 * max(pause, POLL_SECONDS), LONGEST_PAUSE_SECONDS)
        except ValueError:
            # A file is being written, or params.yaml edited, this very moment.
            return pause
        if pause > POLL_SECONDS:
            print("MLflow answers again", flush=True)
        return POLL_SECONDS


def read_new_rows(followed: Followed) -> tuple[list[dict[str, Any]], int, int]:
    """Read the rows that are new in a log; of one that was put in its place, all; of one that is gone, none."""
    if not followed.log.exists():
        return [], followed.offset, followed.inode
    with followed.log.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        file.seek(followed.offset if inode == followed.inode else 0)
        begin = file.tell()
        whole = whole_lines(file.read())
    return parse_rows(whole), begin + len(whole), inode
