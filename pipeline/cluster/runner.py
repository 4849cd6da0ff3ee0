"""Run the stages of trials on a cluster's workers, and restore their results here from DVC's run-cache."""

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline.bundle import bundle_working_tree
from pipeline.cluster.mirror import TrainingMirror
from pipeline.cluster.settings import AddressSettings, Settings, SlurmSettings
from pipeline.cluster.start import Cluster, start_cluster
from pipeline.dvc.repo import DvcError, Graph, ReproResult, ReproStatus, reproduce
from pipeline.dvc.run_cache import find_cache_folder, push, restore
from pipeline.dvc.worker import DiedError, StoppedError, WorkerPool
from pipeline.machine import record_machine
from stages.common.artifacts import TIMINGS, write_bytes

if TYPE_CHECKING:
    from pipeline.cluster.node import Clone
    from pipeline.cluster.workers import Workers

# A stage with which this number of workers were lost without progress is not tried again.
MOST_LOSSES = 10
# BLAS and OpenMP choose their number of threads by these variables. Workers use the head's values, not Dask's.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ClusterRunner:
    """Runs the stages of trials on workers, which it starts for the first stage, and all other stages on the head.

    Attributes:
        places: the number of stages that run at once.
    """

    def __init__(
        self, settings: Settings, pool: WorkerPool, jobs: int | None, warn: Callable[[str], object]
    ) -> None:
        """Prepare to start the cluster.

        Args:
            settings: the settings of the cluster.
            pool: the processes in which DVC runs on this machine.
            jobs: the largest number of stages at once; None for the cluster's `max_jobs`, which is never exceeded.
            warn: a function that is called with a message about refused or missing workers.

        Raises:
            InputError: the working tree cannot be sent to workers.
        """
        self._bundle = bundle_working_tree()
        self.places = settings.max_jobs if jobs is None else min(jobs, settings.max_jobs)
        self._settings, self._pool, self._warn = settings, pool, warn
        self._name = f"comparison-{uuid4().hex[:12]}"
        self._graph = Graph()
        self._lock = threading.RLock()
        self._cluster: Cluster | None = None
        self._workers: Workers | None = None
        self._wanted = self._most_wanted = 0
        # Stages whose outputs are known to be on the remote.
        self._pushed: set[str] = set()
        self._pushing = threading.Lock()
        self._is_stopping = False

    def __call__(
        self, stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]
    ) -> ReproResult:
        """Reproduce a stage; see `pipeline.dvc.repo.reproduce`.

        Raises:
            StoppedError: the flow is being stopped.
        """
        trial = stage.partition("@")[2]
        if not trial:
            return reproduce(self._pool, stage, on_line, environment)
        ran: ReproResult | None = None
        machine: dict[str, str] = {}
        while True:
            found = restore(
                self._pool,
                stage,
                list(self._graph.predecessors(stage)),
                on_line if ran is None else _ignore,
                self._settings.remote,
            )
            if found.result is not None and (ran is None or found.result.status is ReproStatus.FAILED):
                return found.result
            if found.result is not None and ran is not None:
                if ran.status is ReproStatus.RAN:
                    record_machine(stage, machine)
                return ran
            if ran is not None:
                return ReproResult(ReproStatus.FAILED, reason=self._describe_missing())
            try:
                self._push(set(found.upstream_lock))
            except (DvcError, DiedError) as error:
                return ReproResult(ReproStatus.FAILED, reason=str(error))
            request = {"run": stage, "upstream_lock": found.upstream_lock, "environment": dict(environment)}
            answer = self.run_elsewhere(trial, request, on_line)
            status = ReproStatus[answer["status"]]
            ran = ReproResult(status, answer["command_seconds"], answer["reason"])
            if status is ReproStatus.FAILED:
                return ran
            machine = answer["machine"]
            self._pushed.add(stage)

    def prepare(self, graph: Graph, stages: Collection[str]) -> None:
        """Remember the graph, and connect to a running cluster if stale stages of trials need it.

        Args:
            graph: the graph of all stages.
            stages: the stale stages.

        Raises:
            InputError: the running cluster does not answer, or cannot be used.
        """
        self._graph = graph
        if isinstance(self._settings, AddressSettings) and any("@" in stage for stage in stages):
            self._get_workers()

    def stop(self) -> None:
        """End all stages on the workers, and the workers that this runner has started."""
        with self._lock:
            self._is_stopping = True
            workers, self._workers = self._workers, None
            cluster, self._cluster = self._cluster, None
        if workers is not None:
            workers.end()
        if cluster is not None:
            cluster.close()

    def run_elsewhere(
        self, trial: str, request: dict[str, Any], on_line: Callable[[str], None]
    ) -> dict[str, Any]:
        """Run a stage on a worker; if the worker is lost, try again on another one."""
        from pipeline.cluster.worker import ClusterError, LostError

        mirror = TrainingMirror(trial)

        def handle(event: dict[str, Any]) -> None:
            if "line" in event:
                on_line(event["line"])
            elif "log" in event:
                mirror.write(event["log"])

        losses: list[str] = []
        reached = 0
        try:
            while len(losses) < MOST_LOSSES:
                try:
                    with self._wait():
                        answer = self._get_workers().run(request | {"remote": self._settings.remote}, handle)
                except LostError as error:
                    # A training loses a worker at each walltime, so losses before progress do not count.
                    losses = [*(losses if mirror.reached <= reached else []), str(error)]
                    reached = mirror.reached
                    on_line(f"{request['run']}: {error}; it is tried again on another worker")
                    continue
                for name, content in answer["times"].items():
                    if Path(name).is_relative_to(TIMINGS) and ".." not in Path(name).parts:
                        write_bytes(Path(name), content.encode())
                return answer
            reason = f"it was lost with each of {MOST_LOSSES} workers and got no further: {losses[-1]}"
        except (ClusterError, OSError) as error:
            reason = str(error)
        finally:
            mirror.close()
        # The line has the form of an error of input, so that the flow does not retry the stage.
        on_line(f"error: {reason}")
        return {"status": "FAILED", "command_seconds": 0.0, "reason": reason}

    def _push(self, stages: set[str]) -> None:
        """Push the outputs that a stage needs to the remote, if there is one; workers push their outputs themselves."""
        if self._settings.remote is not None:
            with self._pushing:
                left = stages - self._pushed
                if left:
                    push(self._pool, left, self._settings.remote)
                    self._pushed |= left

    @contextmanager
    def _wait(self) -> Iterator[None]:
        """Count a stage as waiting for a worker or running on one, until the block ends."""
        with self._lock:
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1

    def _get_workers(self) -> "Workers":
        """Return the workers; the first call starts the cluster."""
        from pipeline.cluster.workers import Workers

        with self._lock:
            if self._is_stopping:
                raise StoppedError("the flow is being stopped")
            if self._workers is None:
                self._cluster = start_cluster(self._settings, self._name)
                self._workers = Workers(
                    self._cluster.client,
                    self._describe_clone(),
                    self._name,
                    self._scale,
                    self._cluster.explain,
                    self._warn,
                )
            return self._workers

    def _scale(self) -> None:
        """Scale the cluster to the largest number of stages that have needed a worker at once; replace lost workers."""
        with self._lock:
            least = self._settings.min_jobs if isinstance(self._settings, SlurmSettings) else 0
            self._most_wanted = max(self._most_wanted, least, min(self._wanted, self._settings.max_jobs))
            cluster = self._cluster
        if cluster is not None:
            cluster.scale(self._most_wanted)

    def _describe_clone(self) -> "Clone":
        from pipeline.cluster.node import Clone

        remote = self._settings.remote
        config = (
            f"[cache]\n    dir = {find_cache_folder(self._pool)}\n"
            if remote is None
            else f"[core]\n    remote = {remote}\n"
        )
        threads = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
        return Clone(self._bundle.content, config, self._settings.folder, self._settings.scratch, threads)

    def _describe_missing(self) -> str:
        remote = self._settings.remote
        where = (
            f"check that workers use the same folder of DVC's cache as the head, {find_cache_folder(self._pool)}, or "
            "name a `remote` in cluster.yaml"
            if remote is None
            else f"check that workers can push to the remote {remote}"
        )
        return f"a worker ran the stage, but the head does not find its results in DVC's run-cache; {where}"


def _ignore(_: str) -> None:
    """Ignore a line, because the worker has already printed it."""
