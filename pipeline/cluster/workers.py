"""Manage the workers of a cluster from the head: find the free, refused and lost ones, and run stages on them."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import cloudpickle
from distributed import Client, Future

from pipeline.cluster import node
from pipeline.cluster.connect import find_version_fault
from pipeline.cluster.node import BEAT_SECONDS, LEASE_SECONDS, Clone, Node
from pipeline.cluster.worker import ByValue, ClusterError, LostError, Worker, describe
from pipeline.dvc.worker import StoppedError

POLL_SECONDS = 0.5
# The time after which the stage of a lost worker has surely ended: the worker's lease has expired, and its agent has
# had some seconds to end the stage.
LOST_SECONDS = LEASE_SECONDS + 5.0
# The scheduler counts as gone if it has not answered for this time.
SCHEDULER_SECONDS = 30.0
# What the scheduler says of its workers is only trusted if it has answered within this time.
ANSWER_SECONDS = 5.0
# A worker counts as lost if the scheduler has not heard from it for this time.
SILENT_SECONDS = 60.0
# After this time without any worker, the flow says that it is waiting for one.
WAITING_SECONDS = 60.0
# Starting workers may fail for this time before the flow gives up, because the batch system may be restarted.
FAILING_SECONDS = 30.0
END_SECONDS = 8.0
OnEvent = Callable[[dict[str, Any]], None]


@dataclass
class Workers:
    """Manages the workers of a cluster; the threads of all stages call it.

    Attributes:
        client: the client of the cluster.
        clone: the data of the clone that each worker makes before its first stage.
        name: the name of the flow's plugin and topic on the workers.
        on_look: a function that is called about every half second, for example to start further workers.
        explain: a function that says how a job of a batch system, given by its number, has ended; "" if unknown.
        warn: a function that is called with a message about refused or missing workers.
    """

    client: Client
    clone: Clone
    name: str
    on_look: Callable[[], None]
    explain: Callable[[str], str]
    warn: Callable[[str], object]

    def __post_init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._refused: dict[str, str] = {}
        # For each lost worker the time at which the scheduler last heard from it. If it is heard from again later, it
        # counts as a new worker.
        self._lost: dict[str, float] = {}
        self._on_event: dict[str, OnEvent] = {}
        self._changed = threading.Condition()
        # The host of the last stage of each trial; a trial stays on one machine if possible.
        self._hosts: dict[str, str] = {}
        self._has_ended = threading.Event()
        # The scheduler's id. A scheduler that was restarted at the same address has another one, and does not know this
        # flow.
        self._id = self.client.scheduler_info(n_workers=0)["id"]
        self._is_other = False
        self._answered = self._had_workers = time.monotonic()
        self._is_told = False
        self._failing_since: float | None = None
        self._failure = ""
        # Workers cannot import the project, so they get the code of this module.
        cloudpickle.register_pickle_by_value(node)
        self.client.subscribe_topic(self.name, self._dispatch)
        self._threads = [
            threading.Thread(target=self._repeat, args=work, name=work[0].__name__, daemon=True)
            for work in ((self._look, POLL_SECONDS), (self._beat, BEAT_SECONDS))
        ]
        for thread in self._threads:
            thread.start()

    def run(self, request: dict[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """Run a stage on the next worker that is free, and return the agent's result.

        Args:
            request: see `pipeline.cluster.agent`.
            on_event: a function that is called with each event of the stage.

        Raises:
            StoppedError: the workers are being ended.
            LostError: the worker was lost, and its stage has ended.
            ClusterError: no worker can be used.
        """
        worker = self._take(request["run"])
        self._on_event[worker.stage] = on_event
        try:
            return self._run_on(worker, request)
        finally:
            del self._on_event[worker.stage]
            with self._changed:
                worker.stage = ""
                self._changed.notify_all()

    def end(self) -> None:
        """End all stages on the workers, and release the workers."""
        self._has_ended.set()
        with self._changed:
            self._changed.notify_all()
        addresses = [worker.address for worker in list(self._workers.values()) if worker.is_entered]
        self._within(
            END_SECONDS,
            partial(self.client.run, node.end_node, self.name, workers=addresses, on_error="ignore"),
        )

    def _take(self, stage: str) -> Worker:
        with self._changed:
            while True:
                self._check()
                free = [worker for worker in self._workers.values() if worker.is_free]
                if free:
                    return self._choose(free, stage)
                self._tell_that_none_is_there()
                self._changed.wait(POLL_SECONDS)

    def _choose(self, free: list[Worker], stage: str) -> Worker:
        trial = stage.partition("@")[2]
        chosen = next((worker for worker in free if worker.host == self._hosts.get(trial)), free[0])
        self._hosts[trial], chosen.stage = chosen.host, stage
        return chosen

    def _check(self) -> None:
        if self._has_ended.is_set():
            raise StoppedError("the flow is being stopped")
        if self._is_other:
            raise ClusterError("the cluster's scheduler was restarted, and does not know this flow any more")
        if self._is_scheduler_gone():
            raise ClusterError(
                "the cluster's scheduler does not answer any more, and its workers have ended what they ran"
            )
        failing = self._failing_since
        if failing is not None and not self._workers and time.monotonic() - failing > FAILING_SECONDS:
            raise ClusterError(f"no worker can be started: {self._failure}")
        usable = [
            worker
            for worker in self._workers.values()
            if worker.found is None or not worker.found["differences"]
        ]
        if self._refused and not usable:
            raise ClusterError("no worker can be used: " + "; ".join(sorted(set(self._refused.values()))))

    def _run_on(self, worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
        """Run a stage on this worker only; Dask could otherwise run it on another worker before it has ended here."""
        result, reason = None, ""
        try:
            future = self.client.submit(
                ByValue(node.run_on_node),
                self.name,
                request,
                workers=[worker.address],
                allow_other_workers=False,
                pure=False,
                key=f"{request['run']}-{uuid4().hex[:8]}",
            )
            result = self._wait_for_result(worker, future)
            if result is not None and "lost" not in result:
                return result
            if result is not None:
                reason = result["lost"]
        except StoppedError:
            raise
        except Exception as error:
            # The error is one of the connection to the scheduler, or of Dask on the worker.
            reason = describe(error)
        if self.client.status == "running":
            self._prepare_again(worker)
        # Without a result the stage may still run; a worker that reports the end of its agent runs nothing.
        if result is None:
            self._wait_for_end()
            if self._prepare_again(worker):
                # Only the connection was lost, so the worker may have continued the stage until now.
                self._wait_for_end()
        if worker.found is not None and worker.found["job"]:
            reason = self.explain(worker.found["job"]) or reason
        raise LostError(
            f"the worker on {worker.name} was lost ({reason or 'its process ended, or is silent'})"
        )

    def _prepare_again(self, worker: Worker) -> bool:
        """If the worker is still known, end its stage and prepare it again; return whether it is known."""
        is_there = self._workers.get(worker.address) is worker
        if is_there:
            self._prepare(worker.address)
        return is_there

    def _wait_for_result(self, worker: Worker, future: Future) -> dict[str, Any] | None:
        """Wait for a stage, and return its result; None if its worker or the scheduler is lost."""
        while not future.done():
            if self._has_ended.wait(POLL_SECONDS / 5):
                raise StoppedError("the flow is being stopped")
            if self._workers.get(worker.address) is not worker or self._is_scheduler_gone():
                future.cancel()
                return None
        return dict(future.result()) if future.status == "finished" else None

    def _wait_for_end(self) -> None:
        """Wait until a stage whose worker is lost has ended, and until the scheduler answers or counts as gone."""
        seconds = LOST_SECONDS
        while not self._has_ended.wait(seconds):
            self._check()
            if time.monotonic() - self._answered < ANSWER_SECONDS:
                return
            seconds = POLL_SECONDS
        raise StoppedError("the flow is being stopped")

    def _is_scheduler_gone(self) -> bool:
        # Dask's client closes itself if it cannot reconnect.
        return self.client.status == "closed" or time.monotonic() - self._answered > SCHEDULER_SECONDS

    def _repeat(self, work: Callable[[], None], seconds: float) -> None:
        while not self._has_ended.wait(seconds):
            # Errors of the connection are ignored, and the work is repeated until the scheduler counts as gone.
            with contextlib.suppress(Exception):
                work()

    def _beat(self) -> None:
        """Send every worker a sign of life from the head."""
        addresses = [worker.address for worker in list(self._workers.values()) if worker.found is not None]
        if addresses:
            self.client.run_on_scheduler(node.beat_nodes, self.name, addresses)

    def _look(self) -> None:
        """Find new and lost workers, and prepare the new ones."""
        info = self.client.scheduler_info(n_workers=-1)
        if self.client.status != "running":
            # Without a connection, Dask returns the scheduler's last answer.
            return
        now = self._answered = time.monotonic()
        self._is_other |= info["id"] != self._id
        there = {address: one["last_seen"] for address, one in info["workers"].items()}
        with self._changed:
            for address, worker in list(self._workers.items()):
                if there.get(address) != worker.last_seen:
                    worker.last_seen, worker.heard = there.get(address, 0.0), now
                if address not in there or now - worker.heard > SILENT_SECONDS:
                    del self._workers[address]
                    self._lost[address] = worker.last_seen
            for address in there.keys() - self._workers.keys():
                if there[address] != self._lost.get(address):
                    self._prepare(address)
            if self._workers:
                self._had_workers, self._is_told = now, False
            self._changed.notify_all()
        try:
            self.on_look()
        except Exception as error:
            # If the error persists, `_check` shows it.
            self._failing_since, self._failure = self._failing_since or time.monotonic(), str(error)
        else:
            self._failing_since = None

    def _tell_that_none_is_there(self) -> None:
        if not self._workers and not self._is_told and time.monotonic() - self._had_workers > WAITING_SECONDS:
            self._is_told = True
            self.warn(f"the cluster has had no worker for {WAITING_SECONDS:g} seconds; still waiting")

    def _prepare(self, address: str) -> None:
        """Start to prepare a worker in a thread, so that a worker that does not answer does not delay the others."""
        worker = Worker(address)
        with self._changed:
            self._workers[address] = worker
        threading.Thread(target=self._prepare_worker, args=(worker,), name="prepare", daemon=True).start()

    def _prepare_worker(self, worker: Worker) -> None:
        try:
            fault = find_version_fault(self._ask_versions(worker.address))
            found = (
                {"host": worker.address, "job": "", "differences": [fault]} if fault else self._enter(worker)
            )
        except Exception as error:
            found = {"host": worker.address, "job": "", "differences": [describe(error)]}
        if not self._has_ended.is_set():
            self._accept(worker, found)

    def _ask_versions(self, address: str) -> dict[str, str]:
        """Ask a worker for its versions before any code is sent; byte code of another Python would crash it."""
        message = {"op": "versions", "packages": []}
        answers = self.client.sync(self.client.scheduler.broadcast, msg=message, workers=[address])
        return dict(answers[address]["packages"])

    def _enter(self, worker: Worker) -> dict[str, Any]:
        worker.is_entered = True
        preparing = self.client.submit(
            ByValue(partial(node.prepare_node, Node(self.name, self.clone))),
            workers=[worker.address],
            allow_other_workers=False,
            pure=False,
            key=f"prepare-{uuid4().hex[:8]}",
        )
        return dict(preparing.result())

    def _accept(self, worker: Worker, found: dict[str, Any]) -> None:
        with self._changed:
            if self._workers.get(worker.address) is not worker:
                return
            worker.found, worker.heard = found, time.monotonic()
            if found["differences"]:
                reason = f"the worker on {found['host']} is refused: {', '.join(found['differences'])}"
                self._refused[worker.address] = reason
                self.warn(reason)
            self._changed.notify_all()

    def _dispatch(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        handle = self._on_event.get(message["stage"])
        if handle is not None:
            handle(message)

    @staticmethod
    def _within(seconds: float, work: Callable[[], object]) -> None:
        """Do work whose errors are ignored, and wait for it for `seconds` at most."""

        def try_it() -> None:
            # If the scheduler is gone, the work fails, but then its workers have ended anyway.
            with contextlib.suppress(Exception):
                work()

        thread = threading.Thread(target=try_it, daemon=True)
        thread.start()
        thread.join(seconds)
