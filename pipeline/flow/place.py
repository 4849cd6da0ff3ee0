"""Where stages run: in child processes of this machine, or those of trials on a cluster's workers."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.dvc.repo import ReproResult, ReproStatus, reproduce
from pipeline.dvc.worker import WorkerPool
from pipeline.flow.scheduler import Slot
from pipeline.flow.task import StageRunner
from pipeline.machine import describe_machine, record_machine

if TYPE_CHECKING:
    from pipeline.cluster.settings import Settings


class Place:
    """Runs stages, as many at once as it has slots; is called by the threads of all stages.

    Attributes:
        slots: environment variables for each stage that runs at once.
    """

    def __init__(
        self,
        run: StageRunner,
        slots: list[Slot],
        check: Callable[[Collection[str]], object] = lambda stages: None,
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        """Remember how stages run in this place.

        Args:
            run: reproduces a stage there.
            slots: see above.
            check: a function that raises an InputError where these stages cannot run there.
            stop: a function that ends all that runs there.
        """
        self.slots, self.check, self.stop = slots, check, stop
        self._run = run

    def __call__(
        self, stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]
    ) -> ReproResult:
        """Reproduce a stage; see `pipeline.dvc.repo.reproduce`."""
        return self._run(stage, on_line, environment)


def read_cluster(file: str | None) -> "Settings | None":
    """Read which cluster is asked for, and see that it can be started from here; None for this machine alone.

    Raises:
        ParamsError: the file is missing, or something in it is wrong.
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
        settings: the settings of a cluster; None for this machine alone.
        pool: where DVC works on this machine.
        slots: the slots of this machine.
        jobs: at most so many stages at once.
        warn: a function that is told what is wrong with a cluster that goes on; other threads call it, too.
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
    return Place(runner, [{} for _ in range(runner.places)], runner.check, runner.stop)
