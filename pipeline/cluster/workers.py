"""The workers of a cluster, as the head has them: which are free, refused or lost, and what each of them runs."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import cloudpickle
from distributed import Client, Future

from pipeline.cluster import node
from pipeline.cluster.node import BEAT_SECONDS, LEASE_SECONDS, Clone, Node
from pipeline.dvc.worker import StoppedError

POLL_SECONDS = 0.5
# The last beat may be that old when a worker is lost, and its agent then ends what runs within seconds.
LOST_SECONDS = LEASE_SECONDS + 5.0
# Without an answer for so long the scheduler counts as gone.
SCHEDULER_SECONDS = 30.0
# The batch system may be restarted meanwhile.
FAILING_SECONDS = 30.0
END_SECONDS = 8.0
BEATS_AT_ONCE = 4
OnEvent = Callable[[dict[str, Any]], None]
LOGGER = logging.getLogger("prefect.flow_runs")


class ByValue:
    """A function that is pickled with its code: a worker without the project gets the function itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._code = cloudpickle.dumps(function)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes]]:
        return cloudpickle.loads, (self._code,)

    def __call__(self, *arguments: Any) -> Any:
        """Call it here."""
        return cloudpickle.loads(self._code)(*arguments)


class LostError(RuntimeError):
    """A worker was lost in the middle of a stage; nothing of it runs any more."""


class ClusterError(RuntimeError):
    """The cluster has no worker that can be used, or its scheduler is gone."""


@dataclass
class Worker:
    """A worker.

    Attributes:
        address: the address by which Dask knows it.
        preparing: the future of its preparation.
        found: what that has found; None before it has ended.
        stage: what it runs; "" for nothing.
    """

    address: str
    preparing: Future
    found: dict[str, Any] | None = None
    stage: str = ""

    @property
    def host(self) -> str:
        """The name of its machine; "" where that is not known yet."""
        return self.found["host"] if self.found is not None else ""

    @property
    def is_free(self) -> bool:
        """Whether it can run a stage."""
        return self.found is not None and not self.found["differences"] and not self.stage


@dataclass
class Workers:
    """Keeps the workers of a cluster; is called by the threads of all stages.

    Attributes:
        client: the client of the cluster.
        clone: what each worker makes before its first stage.
        name: the name of the flow's run, for what belongs to it on the workers.
        on_look: a function that is called about every half second, for example to start further workers.
    """

    client: Client
    clone: Clone
    name: str
    on_look: Callable[[], None]

    def __post_init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._refused: dict[str, str] = {}
        self._on_event: dict[str, OnEvent] = {}
        self._changed = threading.Condition()
        # Where the last stage of each trial ran: a trial stays on one machine if it can.
        self._hosts: dict[str, str] = {}
        self._has_ended = threading.Event()
        self._answered = time.monotonic()
        self._failing_since: float | None = None
        self._failure = ""
        self._beats = ThreadPoolExecutor(BEATS_AT_ONCE, thread_name_prefix="beat")
        # The workers get this module's code itself: they have none of the project.
        cloudpickle.register_pickle_by_value(node)
        self.client.register_plugin(Node(self.name, self.clone), name=self.name)
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
        with contextlib.suppress(Exception):
            # A scheduler that is gone answers nothing, and its workers have ended.
            self._within(END_SECONDS, lambda: self.client.run(node.end_node, self.name, on_error="ignore"))
            self._within(END_SECONDS, lambda: self.client.unregister_worker_plugin(self.name))
        self._beats.shutdown(wait=False, cancel_futures=True)

    def _take(self, stage: str) -> Worker:
        with self._changed:
            while True:
                self._check()
                free = [worker for worker in self._workers.values() if worker.is_free]
                if free:
                    return self._choose(free, stage)
                self._changed.wait(POLL_SECONDS)

    def _choose(self, free: list[Worker], stage: str) -> Worker:
        trial = stage.partition("@")[2]
        chosen = next((worker for worker in free if worker.host == self._hosts.get(trial)), free[0])
        self._hosts[trial], chosen.stage = chosen.host, stage
        return chosen

    def _check(self) -> None:
        if self._has_ended.is_set():
            raise StoppedError("the flow is being stopped")
        if time.monotonic() - self._answered > SCHEDULER_SECONDS:
            raise ClusterError("the cluster's scheduler does not answer any more")
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
        future = self.client.submit(
            ByValue(node.run_on_node),
            self.name,
            request,
            workers=[worker.address],
            allow_other_workers=False,
            pure=False,
            key=f"{request['run']}-{uuid4().hex[:8]}",
        )
        while not future.done():
            if self._has_ended.wait(POLL_SECONDS / 5):
                raise StoppedError("the flow is being stopped")
            if worker.address not in self._workers or self._is_scheduler_gone():
                future.cancel()
                break
        else:
            if future.status == "finished":
                result = dict(future.result())
                if "lost" not in result:
                    return result
                self._prepare(worker.address)
        if self._has_ended.wait(LOST_SECONDS):
            raise StoppedError("the flow is being stopped")
        self._check()
        raise LostError(f"{worker.address} was lost")

    def _is_scheduler_gone(self) -> bool:
        return time.monotonic() - self._answered > SCHEDULER_SECONDS

    def _repeat(self, work: Callable[[], None], seconds: float) -> None:
        while not self._has_ended.wait(seconds):
            # What fails here is the connection, which is tried again until the scheduler counts as gone.
            with contextlib.suppress(Exception):
                work()

    def _beat(self) -> None:
        """Tell every worker that the head is there; one that does not answer keeps no other one waiting."""
        addresses = [worker.address for worker in list(self._workers.values()) if worker.found is not None]
        if addresses:
            self._beats.submit(
                self.client.run, node.beat_node, self.name, workers=addresses, on_error="ignore"
            )

    def _look(self) -> None:
        """Look which workers have come and gone, and prepare those that are new."""
        there = set(self.client.scheduler_info(n_workers=-1)["workers"])
        self._answered = time.monotonic()
        with self._changed:
            for address in set(self._workers) - there:
                del self._workers[address]
            for address in there - set(self._workers):
                self._prepare(address)
            for worker in self._workers.values():
                if worker.found is None and worker.preparing.done():
                    self._accept(worker)
            self._changed.notify_all()
        try:
            self.on_look()
        except Exception as error:
            # Whatever the batch system says is shown, if it goes on.
            self._failing_since, self._failure = self._failing_since or time.monotonic(), str(error)
        else:
            self._failing_since = None

    def _prepare(self, address: str) -> None:
        future = self.client.submit(
            ByValue(node.prepare_node), self.name, workers=[address], allow_other_workers=False, pure=False
        )
        with self._changed:
            self._workers[address] = Worker(address, future)

    def _accept(self, worker: Worker) -> None:
        if worker.preparing.status == "finished":
            worker.found = worker.preparing.result()
        else:
            worker.found = {"host": worker.address, "differences": [str(worker.preparing.exception())]}
        if worker.found["differences"]:
            reason = (
                f"the worker on {worker.found['host']} is refused: {', '.join(worker.found['differences'])}"
            )
            self._refused[worker.address] = reason
            LOGGER.warning("%s", reason)

    def _dispatch(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        handle = self._on_event.get(message["stage"])
        if handle is not None:
            handle(message)

    @staticmethod
    def _within(seconds: float, work: Callable[[], object]) -> None:
        """Do work, and wait for it no longer than so many seconds."""
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
