"""The workers of a cluster, as the head has them: which are free, refused or lost, and what each of them runs."""

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
# The last beat may be that old when a worker is lost, and its agent then ends what runs within seconds.
LOST_SECONDS = LEASE_SECONDS + 5.0
# Without an answer for so long the scheduler counts as gone; after the first of it nothing is said of its workers.
SCHEDULER_SECONDS = 30.0
ANSWER_SECONDS = 5.0
# A worker of which the scheduler has not heard for so long counts as lost.
SILENT_SECONDS = 60.0
# After so long without any worker, the flow says what it waits for.
WAITING_SECONDS = 60.0
# The batch system may be restarted meanwhile.
FAILING_SECONDS = 30.0
END_SECONDS = 8.0
OnEvent = Callable[[dict[str, Any]], None]


@dataclass
class Workers:
    """Keeps the workers of a cluster; is called by the threads of all stages.

    Attributes:
        client: the client of the cluster.
        clone: what each worker makes before its first stage.
        name: the name of the flow's run, for what belongs to it on the workers.
        on_look: a function that is called about every half second, for example to start further workers.
        explain: a function that says how a job of a batch system, by its number, has ended; "" for nothing.
        warn: a function that is told of workers that are refused, or that do not come.
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
        # When the scheduler had last heard of each worker that was lost: one that is heard of later is a new one.
        self._lost: dict[str, float] = {}
        self._on_event: dict[str, OnEvent] = {}
        self._changed = threading.Condition()
        # Where the last stage of each trial ran: a trial stays on one machine if it can.
        self._hosts: dict[str, str] = {}
        self._has_ended = threading.Event()
        # Of the scheduler: what is started anew at its address knows nothing of this flow.
        self._id = self.client.scheduler_info(n_workers=0)["id"]
        self._is_other = False
        self._answered = self._had_workers = time.monotonic()
        self._is_told = False
        self._failing_since: float | None = None
        self._failure = ""
        # The workers get this module's code itself: they have none of the project.
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
            on_event: gets each event of the stage.

        Raises:
            StoppedError: the workers are being ended.
            LostError: the worker was lost; its stage has ended by now.
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
        """End all that runs on the workers, and let go of them."""
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
            raise ClusterError("the cluster's scheduler was started anew, and knows nothing of this flow")
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
        """Run a stage on this worker alone: Dask would run it again elsewhere before it has ended here."""
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
            # Of the connection to the scheduler, or of Dask on the worker.
            reason = describe(error)
        if self.client.status == "running":
            self._prepare_again(worker)
        # A worker that says itself that its agent has ended runs nothing.
        if result is None:
            self._wait_for_end()
            if self._prepare_again(worker):
                # The connection was lost, and not the worker, which may have gone on until now.
                self._wait_for_end()
        if worker.found is not None and worker.found["job"]:
            reason = self.explain(worker.found["job"]) or reason
        raise LostError(
            f"the worker on {worker.name} was lost ({reason or 'its process ended, or is silent'})"
        )

    def _prepare_again(self, worker: Worker) -> bool:
        """End what runs on a worker that is there, and prepare it anew; return whether it is."""
        is_there = self._workers.get(worker.address) is worker
        if is_there:
            self._prepare(worker.address)
        return is_there

    def _wait_for_result(self, worker: Worker, future: Future) -> dict[str, Any] | None:
        """Return the result of a stage; None where its worker or the scheduler is lost."""
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
        # A client of Dask that could not connect again closes itself.
        return self.client.status == "closed" or time.monotonic() - self._answered > SCHEDULER_SECONDS

    def _repeat(self, work: Callable[[], None], seconds: float) -> None:
        while not self._has_ended.wait(seconds):
            # What fails here is the connection, which is tried again until the scheduler counts as gone.
            with contextlib.suppress(Exception):
                work()

    def _beat(self) -> None:
        """Tell every worker that the head is there."""
        addresses = [worker.address for worker in list(self._workers.values()) if worker.found is not None]
        if addresses:
            self.client.run_on_scheduler(node.beat_nodes, self.name, addresses)

    def _look(self) -> None:
        """Look which workers have come and gone, and prepare those that are new."""
        info = self.client.scheduler_info(n_workers=-1)
        if self.client.status != "running":
            # Then that is what the scheduler said last.
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
            # Whatever the batch system says is shown, if it goes on.
            self._failing_since, self._failure = self._failing_since or time.monotonic(), str(error)
        else:
            self._failing_since = None

    def _tell_that_none_is_there(self) -> None:
        if not self._workers and not self._is_told and time.monotonic() - self._had_workers > WAITING_SECONDS:
            self._is_told = True
            self.warn(f"the cluster has had no worker for {WAITING_SECONDS:g} seconds; still waiting")

    def _prepare(self, address: str) -> None:
        """Begin to prepare a worker; one that does not answer keeps no other one waiting."""
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
        """Ask a worker for its versions, before it gets any code: that of another Python would crash it."""
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
        """Do work that may fail, and wait for it no longer than so many seconds."""

        def try_it() -> None:
            # A scheduler that is gone answers nothing, and its workers have ended.
            with contextlib.suppress(Exception):
                work()

        thread = threading.Thread(target=try_it, daemon=True)
        thread.start()
        thread.join(seconds)
