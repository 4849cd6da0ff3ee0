"""Choose where stages run: in child processes on this machine, or, for the stages of trials, on a cluster's workers."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.dvc.repo import Graph, ReproResult, ReproStatus, reproduce
from pipeline.dvc.worker import WorkerPool
from pipeline.flow.scheduler import Slot
from pipeline.flow.task import StageRunner
from pipeline.machine import describe_machine, record_machine

if TYPE_CHECKING:
    from pipeline.cluster.settings import Settings


class Place:
    """A place that runs as many stages at once as it has slots; the threads of all stages call it.

    Attributes:
        slots: one set of environment variables for each stage that can run at the same time.
    """

    def __init__(
        self,
        run: StageRunner,
        slots: list[Slot],
        prepare: Callable[[Graph, Collection[str]], object] = lambda graph, stages: None,
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        """Describe a place.

        Args:
            run: a function that reproduces a stage in this place.
            slots: one set of environment variables for each stage that can run at the same time.
            prepare: a function that is called before the first stage, with the graph of all stages and the names of
                those that are stale; it raises an InputError if these cannot run in this place.
            stop: a function that ends all stages that run in this place.
        """
        self.slots, self.prepare, self.stop = slots, prepare, stop
        self._run = run

    def __call__(
        self, stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]
    ) -> ReproResult:
        """Reproduce a stage; see `pipeline.dvc.repo.reproduce`."""
        return self._run(stage, on_line, environment)


def read_cluster(file: str | None) -> "Settings | None":
    """Read the settings of a cluster, and check that it can be started from this machine; None without a file.

    Raises:
        ParamsError: the file is missing or not valid.
        InputError: a package or a program is missing.
    """
    if file is None:
        return None
    from pipeline.cluster.settings import load_settings
    from pipeline.cluster.start import check_can_start

    settings = load_settings(Path(file))
    check_can_start(settings)
    return settings


def choose_place(
    settings: "Settings | None",
    pool: WorkerPool,
    slots: list[Slot],
    jobs: int | None,
    warn: Callable[[str], object],
) -> Place:
    """Choose where stages run.

    Args:
        settings: the settings of a cluster; None for this machine only.
        pool: the processes in which DVC runs on this machine.
        slots: the slots of this machine.
        jobs: the largest number of stages that run at once on a cluster; None for no limit.
        warn: a function that is called with each warning about the cluster, from several threads.
    """
    if settings is None:

        def run(stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]) -> ReproResult:
            result = reproduce(pool, stage, on_line, environment)
            if result.status is ReproStatus.RAN:
                record_machine(stage, describe_machine())
            return result

        return Place(run, slots)
    from pipeline.cluster.runner import ClusterRunner

    runner = ClusterRunner(settings, pool, jobs, warn)
    return Place(runner, [{} for _ in range(runner.places)], runner.prepare, runner.stop)
