"""Define the Prefect task of a stage: DVC reproduces the stage, and its output goes to Prefect's log."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Cancelled, Completed

from pipeline.dvc.repo import ReproResult, ReproStatus
from pipeline.dvc.worker import StoppedError

RETRIES = 2
RETRY_SECONDS = [1.0, 10.0]
# A stage prints an error of input in this form (stages/common/cli.py). A retry would fail in the same way.
INPUT_ERROR = re.compile(r"^error: ")
REASON_LINES = 5

OnLine = Callable[[str, str], None]


class StageRunner(Protocol):
    """A function that reproduces one stage, in a process on this machine or on another machine."""

    def __call__(
        self, stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]
    ) -> ReproResult:
        """Reproduce a stage; see `pipeline.dvc.repo.reproduce`."""
        ...


class StageError(RuntimeError):
    """A stage failed.

    Attributes:
        can_recover: whether a retry may succeed; it may unless the stage reported an error of input.
    """

    def __init__(self, stage: str, reason: str, lines: list[str]) -> None:
        faults = [line for line in lines if INPUT_ERROR.match(line)]
        self.can_recover = not faults
        shown = faults or [line for line in [*lines, reason] if line.strip()][-REASON_LINES:]
        super().__init__(f"{stage} failed: " + "\n".join(shown))


def can_recover(_: Any, __: TaskRun, state: State) -> bool:
    """Tell Prefect whether to retry a failed task; a training then resumes from its checkpoint."""
    return isinstance(state.data, StageError) and state.data.can_recover


@task(
    name="stage",
    task_run_name="{stage}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=can_recover,
    # DVC alone decides what is stale.
    persist_result=False,
    cache_policy=NO_CACHE,
)
def run_stage(stage: str, run: StageRunner, slot: dict[str, str], on_line: OnLine) -> State:
    """Reproduce one stage, whose dependencies are up to date.

    Args:
        stage: the stage, as DVC names it.
        run: the function that reproduces the stage.
        slot: environment variables that choose the device.
        on_line: a function that is called with the stage and each line that it prints.

    Returns:
        Completed, under the name Cached if nothing had to run; Cancelled if the flow was stopped.

    Raises:
        StageError: the stage failed.
    """
    logger = get_run_logger()
    lines: list[str] = []

    def log_line(line: str) -> None:
        if line:
            lines.append(line)
            logger.info(line)
            on_line(stage, line)

    try:
        result = run(stage, log_line, slot)
    except StoppedError as error:
        return Cancelled(message=str(error))
    if result.status is ReproStatus.FAILED:
        raise StageError(stage, result.reason, lines)
    if result.status is ReproStatus.RAN:
        return Completed(message="run")
    return Completed(name="Cached", message=result.status.value)


@task(name="stage", task_run_name="{stage}", persist_result=False, cache_policy=NO_CACHE)
def show_up_to_date(stage: str) -> State:
    """Show a stage that DVC has found up to date as one of the flow's tasks."""
    return Completed(name="Cached", message=ReproStatus.UP_TO_DATE.value)
