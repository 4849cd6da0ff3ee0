"""Run stages in a worker's clone for the head, and send their output and logs.

A Dask worker starts `python -m pipeline.cluster.agent SECONDS FOLDER`, writes requests to its standard input and reads
answers from its standard output, both as JSON, one object for each line. A request is either `run`, a stage, with
`upstream_lock`, `environment` and `remote` for `pipeline.dvc.run_cache.reproduce_for_others`; or `beat`. An answer is a
`line` that a stage prints, a part of a training's `log` or of this machine's samples, or a `result`. When the input
ends, or no request has come for SECONDS, all stages are ended, and FOLDER with the clone is removed.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.cluster.clones import hold, remove_left
from pipeline.dvc.run_cache import reproduce_for_others
from pipeline.dvc.worker import StoppedError, WorkerPool
from pipeline.machine import describe_machine
from pipeline.tracking.trainings import MACHINE_LOG, list_running_trainings
from stages.common.artifacts import TIMINGS, TIMINGS_LOG
from stages.common.cli import run_command
from stages.common.command_line import CommandParser

if TYPE_CHECKING:
    from pipeline.tracking.system_metrics import SystemMetrics

# With this interval rows of a training reach MLflow within five seconds, because the head's follower polls every three.
POLL_SECONDS = 1.0
SAMPLE_SECONDS = 10.0


class Channel:
    """Writes messages to the Dask worker; several threads may use it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Send one message; errors are ignored if the worker has ended."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()


class LogFollower:
    """Sends the logs of a trial's training as they grow."""

    def __init__(self, channel: Channel, trial: str) -> None:
        self._channel, self._trial = channel, trial
        # The number of bytes of each file that have been sent.
        self._sent: dict[Path, int] = {}
        self._monitor: SystemMetrics | None = None
        self._sampled, self._sample_bytes = -SAMPLE_SECONDS, 0

    def poll(self) -> None:
        """Send the new parts of logs; a training's times come first, so that every row has a time."""
        # A scratch folder that workers share also has the trainings of other workers.
        for log in [log for trial, log in list_running_trainings().items() if trial.name == self._trial]:
            for path in (log.with_name(TIMINGS_LOG), log):
                with contextlib.suppress(FileNotFoundError):
                    self._send(path)
            if time.monotonic() - self._sampled >= SAMPLE_SECONDS:
                self._send_sample(log.parent.name)

    def _send_sample(self, training: str) -> None:
        """Send a sample of this machine's system metrics; the head would otherwise log its own."""
        if self._monitor is None:
            # MLflow takes two seconds to import. This thread does it, so that no stage waits.
            from pipeline.tracking.system_metrics import SystemMetrics

            self._monitor = SystemMetrics()
        self._sampled = time.monotonic()
        row = json.dumps(self._monitor.sample()._asdict()) + "\n"
        place = {"training": training, "name": MACHINE_LOG, "start": self._sample_bytes}
        self._channel.send(log=place | {"content": row})
        self._sample_bytes += len(row.encode())

    def _send(self, path: Path) -> None:
        content = path.read_bytes()
        sent = self._sent.get(path, -1)
        # A resumed training cuts its log after the row of its checkpoint.
        start = sent if 0 <= sent <= len(content) else 0
        whole = content.rfind(b"\n") + 1
        if whole != sent:
            place = {"training": path.parent.name, "name": path.name, "start": start}
            self._channel.send(log=place | {"content": content[start:whole].decode()})
            self._sent[path] = whole


@contextlib.contextmanager
def follow_logs(channel: Channel, trial: str) -> Iterator[None]:
    """Send the logs of a trial's training, if it runs, until the block ends."""
    follower, has_ended = LogFollower(channel, trial), threading.Event()

    def follow() -> None:
        while not has_ended.wait(POLL_SECONDS):
            follower.poll()

    thread = threading.Thread(target=follow, name="log follower", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def run_stage(pool: WorkerPool, request: dict[str, Any], channel: Channel) -> None:
    """Run a stage, and send its result."""
    stage, before = str(request["run"]), time.time()
    try:
        with follow_logs(channel, stage.partition("@")[2]):
            result = reproduce_for_others(
                pool,
                stage,
                request["upstream_lock"],
                lambda line: channel.send(line=line),
                request["environment"],
                request["remote"],
            )
    except StoppedError:
        return
    times = {
        str(path): path.read_text(encoding="utf-8")
        for path in TIMINGS.rglob("*.jsonl")
        if path.stat().st_mtime >= before - 1
    }
    answer = dataclasses.asdict(result) | {"status": result.status.name}
    channel.send(result=answer | {"times": times, "machine": describe_machine()})


def work(lease_seconds: float, folder: Path, channel: Channel) -> None:
    """Handle requests until the input ends or the lease expires, and then remove the folder of the clone."""
    heard = time.monotonic()
    has_ended = threading.Event()
    with WorkerPool() as pool:

        def watch() -> None:
            while not has_ended.wait(POLL_SECONDS):
                if time.monotonic() - heard > lease_seconds:
                    pool.stop()
                    shutil.rmtree(folder, ignore_errors=True)
                    os._exit(1)

        threading.Thread(target=watch, name="watch over the head", daemon=True).start()
        for line in sys.stdin:
            heard = time.monotonic()
            request = json.loads(line)
            if "run" in request:
                threading.Thread(target=run_stage, args=(pool, request, channel), daemon=True).start()
        has_ended.set()
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Reserve standard output for messages, and handle requests."""
    parser = CommandParser(__doc__)
    parser.add_argument("seconds", type=float, metavar="SECONDS", help="the longest time without a request")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to remove at the end")
    options = parser.parse_args()
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with hold(options.folder):
        remove_left(options.folder.parent)
        work(options.seconds, options.folder, Channel(messages))


if __name__ == "__main__":
    run_command(main)
