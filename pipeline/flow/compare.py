"""The flow: what changed of the comparison is run, side by side; DVC alone judges what that is."""

from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed, Crashed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from pipeline.flow.ending import confirm_nothing_left, describe, name_failures
from pipeline.flow.following import follow_trainings
from pipeline.flow.graph import Graph, find_stale, name_trial, read_graph
from pipeline.flow.guard import only_flow_here
from pipeline.flow.progress import Board
from pipeline.flow.publishing import publish_results, publish_times
from pipeline.flow.request import change_params, choose_trials, list_slots
from pipeline.flow.schedule import End, Slot, judge, run_graph
from pipeline.flow.stage import find_up_to_date, run_stage
from pipeline.flow.timing import Timing, tabulate
from pipeline.flow.warm import Warm, take
from stages.common.artifacts import Trial

# Made from whatever trials there are; it names those that are missing.
TOLERANT = {"neighbours", "report"}


@flow(
    name="compare",
    flow_run_name="compare",
    description=__doc__,
    task_runner=ThreadPoolTaskRunner(),  # type: ignore[arg-type]
    persist_result=False,
)
def compare(
    preset: str | None = None,
    overrides: list[str] | None = None,
    trials: list[str] | None = None,
    jobs: int | None = None,
    device: str | None = None,
    trials_per_device: int = 1,
) -> State:
    """Bring the comparison up to date.

    Args:
        preset: for params.yaml: default, smoke, report; None keeps it as it is.
        overrides: of params.yaml, as `dvc exp run -S` takes them: `train.generator_steps=100`.
        trials: names or patterns, such as `sngan-A-0` or `sngan-*`; None for all, the report and MLflow.
        jobs: stages at once; None for as many as the machine's cores or GPUs take.
        device: auto, cpu, cuda or mps; None keeps that of params.yaml.
        trials_per_device: stages at once on one GPU.

    Returns:
        Completed; or Failed, with the stages that failed and why, or with what is wrong in what was asked for, of
        which nothing has been run or changed.
    """
    logger = get_run_logger()
    with take() as warm, only_flow_here(str(flow_run.get_id()), logger.info) as dead:
        if dead:
            mark_crashed(dead)
        try:
            change_params(warm, preset, overrides or [], device)
            chosen, slots = choose_trials(trials), list_slots(jobs, trials_per_device)
            graph = choose_stages(read_graph(warm), chosen, is_whole=trials is None)
            stale = find_stale(warm, graph)
        except ValueError as error:
            return Failed(message=str(error))
        timing = Timing(len(slots))
        logger.info("%d stages, of which %d to look at, %d at once", len(graph.needs), len(stale), len(slots))
        with Board(graph, [trial.name for trial in chosen]) as board:
            ends = show_up_to_date(graph, stale, board)
            with follow_trainings(is_needed=bool(stale)) as followers:
                ends |= run_stale(graph.restrict(stale), slots, warm, board, timing)
        if not name_failures(ends):
            ends |= confirm_nothing_left(warm, graph)
        parts = timing.tell(warm.read_lives())
    beside = sum(follower.processor_seconds for follower in followers)
    return conclude(ends, tabulate(parts, beside) if parts else "")


def mark_crashed(name: str) -> None:
    """Mark the run of a flow that was killed in this repository, which else would seem to run for ever."""
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(name))
        except (ObjectNotFound, ValueError):
            # It ran with another server.
            return
        if run.state is not None and not run.state.is_final():
            client.set_flow_run_state(run.id, Crashed(message="its process was killed"), force=True)


def choose_stages(graph: Graph, trials: list[Trial], is_whole: bool) -> Graph:
    """Choose all stages, or those of some trials with what they need."""
    if is_whole:
        return graph
    names = {trial.name for trial in trials}
    return graph.restrict(graph.upstream(stage for stage in graph.needs if name_trial(stage) in names))


def show_up_to_date(graph: Graph, stale: set[str], board: Board) -> dict[str, End]:
    """Show the stages that DVC has found up to date as cached."""
    futures: dict[str, PrefectFuture[Any]] = {}
    for stage, needs in graph.needs.items():
        if stage not in stale:
            futures[stage] = find_up_to_date.submit(stage, wait_for=[futures[need] for need in needs])  # type: ignore[call-overload]
    ends = {stage: judge(future) for stage, future in futures.items()}
    for stage, end in ends.items():
        board.end(stage, end)
    return ends


def run_stale(graph: Graph, slots: list[Slot], warm: Warm, board: Board, timing: Timing) -> dict[str, End]:
    """Run what is not known to be up to date; whatever ends this ends all that runs."""
    logger = get_run_logger()

    def start(stage: str, slot: Slot, needs: list[PrefectFuture[Any]]) -> PrefectFuture[Any]:
        board.begin(stage)
        timing.begin(stage)
        future: PrefectFuture[Any] = run_stage.submit(stage, warm, slot, board.show, wait_for=needs)  # type: ignore[call-overload]
        return future

    def ended(stage: str, end: End) -> None:
        timing.end(stage)
        board.end(stage, end)
        logger.info("%s: %s (%s)", stage, end.outcome.value, board.summarise())

    try:
        return run_graph(graph, slots, start, TOLERANT, ended)
    except BaseException:
        warm.stop()
        raise


def conclude(ends: dict[str, End], times: str) -> State:
    """Publish what came of it and where the time went, and name the former in the flow's final state."""
    failures = name_failures(ends)
    summary = describe(ends, failures)
    publish_results(summary)
    if times:
        publish_times(times)
        get_run_logger().info("%s", times)
    return Failed(message=summary) if failures else Completed(message=summary)
