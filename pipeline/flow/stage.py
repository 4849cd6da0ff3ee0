"""One stage as a Prefect task: `dvc --wait-for-lock repro --single-item`, its lines streamed, its outcome named."""

import re
from collections.abc import Callable
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from pipeline.flow.warm import Warm

RETRIES = 2
RETRY_SECONDS = [1.0, 10.0]

# What DVC prints when it has nothing to run.
UNCHANGED = re.compile(r"^Stage '.*' didn't change, skipping$")
RESTORED = re.compile(r"^Stage '.*' is cached - skipping run, checking out outputs$")
# What a stage prints of a fault of input (stages/common/cli.py): the same again, however often it is tried.
FAULT = re.compile(r"^error: ")
TOLD_LINES = 5

Show = Callable[[str, str], None]


class StageError(RuntimeError):
    """A stage failed.

    Attributes:
        can_recover: whether another try may do better: it was killed, or another's lock was in the way.
    """

    def __init__(self, stage: str, code: int, lines: list[str]) -> None:
        faults = [line for line in lines if FAULT.match(line)]
        self.can_recover = not faults
        told = faults or [line for line in lines if line.strip()][-TOLD_LINES:]
        super().__init__(f"{stage} failed with exit code {code}: " + "\n".join(told))


def can_recover(_: Any, __: TaskRun, state: State) -> bool:
    """Tell Prefect whether a failed task is worth another try; a training goes on from its checkpoint then."""
    return isinstance(state.data, StageError) and state.data.can_recover


@task(
    name="stage",
    task_run_name="{stage}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=can_recover,
    # DVC alone judges what is stale.
    persist_result=False,
    cache_policy=NO_CACHE,
)
def run_stage(stage: str, warm: Warm, slot: dict[str, str], show: Show) -> State:
    """Bring one stage up to date, whose needs are.

    Args:
        stage: as DVC names it.
        warm: where it runs.
        slot: environment variables that say on what device.
        show: gets the stage and each line that it prints.

    Returns:
        Completed; under the name Cached where nothing had to run.

    Raises:
        StageError: it failed.
        StoppedError: the flow is being ended.
    """
    logger = get_run_logger()
    lines: list[str] = []

    def take(line: str) -> None:
        if line:
            lines.append(line)
            logger.info(line)
            show(stage, line)

    code = warm.run("dvc", "--wait-for-lock", "repro", "--single-item", stage, show=take, environment=slot)
    if code != 0:
        raise StageError(stage, code, lines)
    if any(UNCHANGED.match(line) for line in lines):
        return up_to_date()
    if any(RESTORED.match(line) for line in lines):
        return Completed(name="Cached", message="restored from DVC's cache")
    return Completed(message="run")


@task(name="stage", task_run_name="{stage}", persist_result=False, cache_policy=NO_CACHE)
def find_up_to_date(stage: str) -> State:
    """Show a stage that DVC has found up to date."""
    return up_to_date()


def up_to_date() -> State:
    """Make the state of a stage that had nothing to do."""
    return Completed(name="Cached", message="up to date")
