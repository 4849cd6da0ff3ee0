"""Log trainings to MLflow while they run: their new log rows reach the store within seconds.

A training does not depend on this. If the store is down, slow or killed, the rows stay in the training's log and are
sent when the store answers again.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from pipeline.tracking.commit import describe_commit
from pipeline.tracking.dataset import name_experiment
from pipeline.tracking.lineage import LOCK_FILE, Lock, read_entries_of, trace_trial
from pipeline.tracking.results import list_training_values, parse_rows, read_trial_results
from pipeline.tracking.run_data import log_missing_values, log_values
from pipeline.tracking.runs import (
    FAILED,
    FINISHED,
    KILLED,
    TRAINING_KEY,
    claim_run,
    create_run,
    end_abandoned_runs,
    end_run,
    find_run_of_training,
    list_runs,
    now_milliseconds,
)
from pipeline.tracking.store import Store, StoreDownError, ensure_experiment, lock_store, open_store
from pipeline.tracking.store_errors import STORE_ERRORS, describe_error
from pipeline.tracking.system_metrics import SystemMetrics, read_samples
from pipeline.tracking.timings import TrainingTimes
from pipeline.tracking.trainings import MACHINE_LOG, is_exported, is_locked, list_running_trainings
from pipeline.tracking.trials import sync_trial
from stages.common.artifacts import DATA_MANIFEST, TIMINGS_LOG, Trial

HOST_TAG = "system_metrics_host"
POLL_SECONDS = 3.0
SYSTEM_METRICS_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 15.0
NICENESS = 5


@dataclass
class FollowedTraining:
    """A training whose log rows are sent to MLflow.

    Attributes:
        log: the log that the training writes.
        run: the MLflow run of the training.
        sent_step: the generator step up to which the store has all rows.
        is_uncertain: whether the store may also have rows after `sent_step`.
        sampled: the time of the last system metrics, in milliseconds since 1970.
        host: the machine of the last system metrics.
        is_exported: whether the training is finished, so that its log is complete.
    """

    log: Path
    run: Run
    sent_step: int = 0
    is_uncertain: bool = True
    sampled: int = 0
    host: str = ""
    is_exported: bool = False


class Follower:
    """Sends new log rows of all trainings to their runs at each poll."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._experiment_id = ""
        self._followed: dict[Trial, FollowedTraining] = {}
        self._system_metrics = SystemMetrics()
        self._lock_file_time = 0

    def poll(self, status: str = KILLED) -> None:
        """Send the new rows of every training, and complete the runs of finished trials.

        Args:
            status: the status for the run of a training that ended before it was finished.

        Raises:
            STORE_ERRORS: the store did not answer; the next call sends the missing rows.
        """
        if not DATA_MANIFEST.exists():
            return
        if self._store is None:
            store = self.reach_store()
            self._experiment_id = ensure_experiment(store, name_experiment(), [])
            end_abandoned_runs(store, self._experiment_id)
            self._store = store
        running = list_running_trainings()
        for trial, log in running.items():
            self._attach(self._store, trial, log)
        for trial, followed in self._followed.items():
            if not followed.is_exported:
                self._send_rows(self._store, followed)
            if trial in running:
                self._send_system_metrics(self._store, followed)
        ended = set(self._followed) - set(running)
        if ended:
            self._finish_all(self._store, ended, status)

    def reach_store(self) -> Store:
        """Open the store; if it is open already, check that it answers.

        Raises:
            STORE_ERRORS: the store does not answer.
        """
        if self._store is None:
            try:
                return open_store()
            except ValueError as error:
                raise StoreDownError(str(error)) from None
        self._store.client.search_experiments(max_results=1)
        return self._store

    def close(self, has_failed: bool) -> None:
        """End all open runs, because the command that started the trainings has ended.

        Raises:
            STORE_ERRORS: the store did not answer; the next sync ends the runs.
        """
        status = FAILED if has_failed else KILLED
        self.poll(status)
        for trial, followed in list(self._followed.items()):
            assert self._store is not None
            self._end(self._store, trial, FINISHED if is_exported(trial, followed.log) else status)

    def _attach(self, store: Store, trial: Trial, log: Path) -> None:
        """Start to follow a training, with its former run if it is resumed, or else a new run."""
        if not log.exists() or (trial in self._followed and self._followed[trial].log == log):
            return
        if trial in self._followed:
            self._end(store, trial, KILLED)
        training_key = log.parent.name
        with lock_store():
            runs = list_runs(store, self._experiment_id, kind="trial", trial=trial.name)
            run = find_run_of_training(runs, training_key) or self._create_run(store, trial, training_key)
            claim_run(store, run)
        self._followed[trial] = FollowedTraining(log, run)

    def _create_run(self, store: Store, trial: Trial, training_key: str) -> Run:
        tags = {"kind": "trial", "trial": trial.name, TRAINING_KEY: training_key}
        tags |= {name: str(value) for name, value in trial._asdict().items()} | describe_commit()
        return create_run(store, self._experiment_id, trial.name, tags)

    def _send_rows(self, store: Store, followed: FollowedTraining) -> None:
        rows = read_new_rows(followed)
        if not rows:
            return
        times = TrainingTimes.read(followed.log.with_name(TIMINGS_LOG))
        values = list(list_training_values(rows, times))
        # If the request fails, it is not known which of these rows the store has.
        was_uncertain, followed.is_uncertain = followed.is_uncertain, True
        (log_missing_values if was_uncertain else log_values)(store, followed.run, values)
        followed.is_uncertain, followed.sent_step = False, rows[-1]["generator_step"]

    def _send_system_metrics(self, store: Store, followed: FollowedTraining) -> None:
        """Send system metrics of the machine that trains: of this machine, or samples that another machine wrote."""
        elsewhere = followed.log.with_name(MACHINE_LOG)
        if is_locked(elsewhere):
            samples = read_samples(elsewhere, followed.sampled)
        elif now_milliseconds() - followed.sampled >= 1000 * SYSTEM_METRICS_SECONDS:
            samples = [self._system_metrics.sample()]
        else:
            return
        run = followed.run.info
        for sample in samples:
            store.client.log_batch(run.run_id, metrics=sample.list_metrics(run.start_time))
            followed.sampled = sample.time
            if sample.host != followed.host:
                followed.host = sample.host
                store.client.set_tag(run.run_id, HOST_TAG, sample.host)

    def _finish_all(self, store: Store, ended: set[Trial], status: str) -> None:
        """End the runs of trainings that ended unfinished, and complete the runs of trials that have scores by now."""
        file_time = LOCK_FILE.stat().st_mtime_ns if LOCK_FILE.exists() else 0
        # dvc.lock is only read after a change, and only the entries of these trials are parsed: all entries of a large
        # comparison take seconds.
        is_new = file_time != self._lock_file_time
        lock = read_entries_of(trial.name for trial in ended) if is_new else None
        for trial in ended:
            followed = self._followed[trial]
            followed.is_exported = followed.is_exported or is_exported(trial, followed.log)
            if not followed.is_exported:
                self._end(store, trial, status)
            elif lock is not None:
                self._complete(store, trial, lock)
        self._lock_file_time = file_time

    def _complete(self, store: Store, trial: Trial, lock: Lock) -> None:
        lineage = trace_trial(trial, lock)
        if lineage is None:
            return
        try:
            results = read_trial_results(trial, lineage)
        except ValueError:
            # dvc.lock still describes the trial as it was before this training.
            return
        with lock_store():
            sync_trial(store, self._experiment_id, results, [])
        del self._followed[trial]

    def _end(self, store: Store, trial: Trial, status: str) -> None:
        end_run(store, self._followed[trial].run, status)
        del self._followed[trial]


class FollowerThread:
    """A follower that polls in a thread of its own.

    Attributes:
        processor_seconds: the processor time of the thread in seconds; 0.0 until it has ended.
    """

    def __init__(self) -> None:
        self.processor_seconds = 0.0
        self._stop = threading.Event()
        self._has_failed = False
        # A daemon thread does not keep the process alive, whatever the store does.
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self, has_failed: bool, timeout: float = STOP_TIMEOUT_SECONDS) -> None:
        """Make the thread send the last rows and end the runs; wait for that for `timeout` seconds at most."""
        self._has_failed = has_failed
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        lower_thread_priority()
        follower, pause = Follower(), POLL_SECONDS
        while not self._stop.wait(pause):
            pause = self._attempt(follower, follower.poll, pause)
        self._attempt(follower, lambda: follower.close(self._has_failed), pause)
        self.processor_seconds = time.thread_time()

    def _attempt(self, follower: Follower, work: Callable[[], None], pause: float) -> float:
        """Do the work and return the seconds until the next attempt."""
        was_down = pause > POLL_SECONDS
        try:
            if was_down:
                follower.reach_store()
            work()
        except STORE_ERRORS as error:
            if not was_down:
                print(f"MLflow does not take the rows of trainings: {describe_error(error)}.", flush=True)
                print("The trainings go on; their rows are kept, and sent when it answers again.", flush=True)
            return min(2 * max(pause, POLL_SECONDS), LONGEST_PAUSE_SECONDS)
        except ValueError:
            # A file is being written or params.yaml is being edited at this moment.
            return pause
        if was_down:
            print("MLflow answers again", flush=True)
        return POLL_SECONDS


def lower_thread_priority() -> None:
    """Lower the priority of this thread, so that it does not slow down trainings; it has no effect except on Linux."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def read_new_rows(followed: FollowedTraining) -> list[dict[str, Any]]:
    """Read the rows of a log that were not sent yet; none if the log no longer exists.

    A resumed training cuts its log after the row of its checkpoint, and then writes later rows again, which the store
    may already have. So only rows after the last sent step are new.
    """
    if not followed.log.exists():
        return []
    rows = parse_rows(followed.log.read_bytes())
    return [row for row in rows if row["generator_step"] > followed.sent_step]
