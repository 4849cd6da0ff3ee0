"""The flow `compare` brings the comparison up to date, with stages in parallel; DVC alone decides what is stale."""

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import networkx as nx
from prefect import flow, get_client, get_run_logger
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound, TerminationSignal
from prefect.futures import PrefectFuture
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Completed, Crashed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from pipeline.dvc.patches import describe_other_version
from pipeline.dvc.repo import Graph, ReproResult, read_graph_and_status
from pipeline.dvc.worker import DiedError, WorkerPool
from pipeline.flow.artifacts import publish_results, publish_times
from pipeline.flow.flow_lock import lock_repository
from pipeline.flow.live_tracking import STOP_SECONDS, follow_trainings
from pipeline.flow.place import Place, choose_place, read_cluster
from pipeline.flow.progress import ProgressDisplay
from pipeline.flow.request import DEVICES, change_params, choose_trials, list_slots
from pipeline.flow.run_name import name_run
from pipeline.flow.scheduler import Slot, StageResult, name_trial, run_graph, to_result
from pipeline.flow.server_watch import watch_server
from pipeline.flow.summary import check_nothing_left, list_failures, summarise
from pipeline.flow.task import run_stage, show_up_to_date
from pipeline.flow.temporary_params import restore_all, temporary_params
from pipeline.flow.terminal import TERMINAL
from pipeline.flow.timing import Timing, to_markdown, to_text
from pipeline.hardware import describe_mixture, read_hardware, write_hardware
from pipeline.preset import list_presets
from pipeline.tracking.store_check import check_store, find_folder_fault
from stages.common.artifacts import Trial
from stages.common.cli import describe_error
from stages.common.errors import InputError

# These stages run although some trials failed, and their outputs name the missing trials.
ALLOW_FAILURE = {"neighbours", "summary", "report"}
# Prefect's form offers these in a menu.
Preset = Annotated[str, Field(json_schema_extra={"enum": list(list_presets())})]
Device = Annotated[str, Field(json_schema_extra={"enum": list(DEVICES)})]
STOPPED = {
    signal.SIGINT: "stopped; the next run goes on from the checkpoints",
    signal.SIGTERM: "stopped by SIGTERM; the next run goes on from the checkpoints",
}


@flow(
    name="compare",
    flow_run_name=name_run,
    description=__doc__,
    task_runner=ThreadPoolTaskRunner(),  # type: ignore[arg-type]
    persist_result=False,
)
def compare(
    preset: Preset | None = None,
    overrides: list[str] | None = None,
    trials: list[str] | None = None,
    jobs: int | None = None,
    device: Device | None = None,
    trials_per_device: int = 1,
    cluster: str | None = None,
) -> State:
    """Bring the comparison up to date.

    A run of a deployment changes params.yaml only until its end. A run from the command line leaves its changes there.

    Args:
        preset: the preset to write to params.yaml; None keeps the file.
        overrides: overrides of params.yaml in the form of `dvc exp run -S`, such as `train.generator_steps=100`.
        trials: names or patterns of trials, such as `sngan-A-0` or `sngan-*`; None for all stages, with the report and
            MLflow.
        jobs: the number of stages that run at once; None for as many as the machine's cores or GPUs allow.
        device: auto, cpu, cuda or mps; None keeps that of params.yaml.
        trials_per_device: the number of stages that run at once on one GPU.
        cluster: a file that says on which other machines the stages of trials run; None for this machine only.

    Returns:
        Completed. Failed, with the failed stages and the reasons, or with the fault of the request; in the latter case
        no stage was run and params.yaml is unchanged. Cancelled, if a signal stopped the flow.
    """
    try:
        return reproduce_comparison(preset, overrides or [], trials, jobs, device, trials_per_device, cluster)
    except (KeyboardInterrupt, SystemExit, TerminationSignal) as error:
        if deployment.get_id():
            # In a deployment Prefect has sent the signal, and sets the run's state itself.
            raise
        number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM
        return Cancelled(message=STOPPED[number])


def reproduce_comparison(
    preset: str | None,
    overrides: list[str],
    trials: list[str] | None,
    jobs: int | None,
    device: str | None,
    trials_per_device: int,
    cluster: str | None,
) -> State:
    """Change params.yaml as asked and bring the comparison up to date; see `compare`."""
    logger = get_run_logger()
    stop_functions: list[Callable[[], object]] = []
    watch_server(stop_functions)
    with (
        WorkerPool() as pool,
        lock_repository(str(flow_run.get_id()), logger.info) as killed_run,
        ExitStack() as stack,
    ):
        stop_functions.append(pool.stop)
        if killed_run:
            mark_crashed(killed_run)
        restore_all()
        other_version = describe_other_version()
        if other_version:
            logger.warning(other_version)
        try:
            reason = check_store()
            if reason:
                logger.warning(
                    "MLflow: %s. The stages run anyway; `make track` sends missing results later", reason
                )
            fault = find_folder_fault()
            if fault:
                logger.warning("MLflow: %s", fault)
            settings = read_cluster(cluster)
            change = partial(change_params, pool, preset, overrides, device)
            if deployment.get_id():
                stop_functions.append(stack.enter_context(temporary_params(partial(change, force=True))))
            else:
                change()
            chosen = choose_trials(trials)
            slots = list_slots(jobs, trials_per_device, settings is not None)
            place = choose_place(settings, pool, slots, jobs, logger.warning)
            stop_functions.append(place.stop)
            whole, stale = read_graph_and_status(pool, logger.warning)
            graph = choose_stages(whole, None if trials is None else chosen)
            stale &= set(graph)
            place.prepare(whole, stale)
        except (InputError, OSError, DiedError) as error:
            return Failed(message=describe_error(error))
        timing = Timing(len(place.slots))
        logger.info("%d stages, of which %d are stale, %d at once", len(graph), len(stale), len(place.slots))
        TERMINAL.print(
            f"{len(chosen)} trials: {len(stale)} of {len(graph)} stages to run, {len(place.slots)} at once"
        )
        with ProgressDisplay(graph, [trial.name for trial in chosen]) as display:
            results = show_cached(graph.subgraph(set(graph) - stale), display)
            with follow_trainings(is_needed=bool(stale)) as followers:
                stop_functions.append(lambda: [follower.stop(True, STOP_SECONDS) for follower in followers])
                results |= run_stale(graph.subgraph(stale), place, pool, display, timing)
        if not list_failures(results):
            results |= check_nothing_left(pool, graph)
        parts = {} if other_version else timing.divide()
        hardware = read_hardware(choose_trials(None))
        write_hardware(hardware)
        if hardware.is_mixed:
            logger.warning("%s", describe_mixture(hardware))
    tracking_seconds = sum(follower.processor_seconds for follower in followers)
    return conclude(results, parts, tracking_seconds)


def mark_crashed(run: str) -> None:
    """Mark the run of a flow that was killed in this repository, which Prefect would show as running for ever."""
    with get_client(sync_client=True) as client:
        try:
            found = client.read_flow_run(UUID(run))
        except (ObjectNotFound, ValueError):
            # Another server recorded this run.
            return
        if found.state is not None and not found.state.is_final():
            client.set_flow_run_state(found.id, Crashed(message="its process was killed"), force=True)


def choose_stages(graph: Graph, trials: list[Trial] | None) -> Graph:
    """Return the graph of the trials' stages and of all stages that they need; the whole graph if `trials` is None."""
    if trials is None:
        return graph
    names = {trial.name for trial in trials}
    own = {stage for stage in graph if name_trial(stage) in names}
    return graph.subgraph(own.union(*(nx.ancestors(graph, stage) for stage in own)))


def show_cached(graph: Graph, display: ProgressDisplay) -> dict[str, StageResult]:
    """Show the stages that DVC has found up to date as cached tasks."""
    futures: dict[str, PrefectFuture[Any]] = {}
    for stage in nx.topological_sort(graph):
        needs = [futures[need] for need in graph.predecessors(stage)]
        futures[stage] = show_up_to_date.submit(stage, wait_for=needs)  # type: ignore[call-overload]
    results = {stage: to_result(future) for stage, future in futures.items()}
    for stage, result in results.items():
        display.end(stage, result)
    return results


def run_stale(
    graph: Graph, place: Place, pool: WorkerPool, display: ProgressDisplay, timing: Timing
) -> dict[str, StageResult]:
    """Run the stale stages; an exception or a signal stops all that are running."""
    logger = get_run_logger()

    def run(stage: str, on_line: Callable[[str], None], environment: Mapping[str, str]) -> ReproResult:
        began = time.monotonic()
        result = place(stage, on_line, {**environment, **display.environment})
        timing.add(stage, time.monotonic() - began, result.command_seconds)
        return result

    def start(stage: str, slot: Slot, needs: list[PrefectFuture[Any]]) -> PrefectFuture[Any]:
        display.begin(stage)
        timing.begin(stage)
        future: PrefectFuture[Any] = run_stage.submit(stage, run, slot, display.show_line, wait_for=needs)  # type: ignore[call-overload]
        return future

    def on_end(stage: str, result: StageResult) -> None:
        timing.end(stage)
        display.end(stage, result)
        logger.info("%s: %s (%s)", stage, result.outcome.value, display.summarise())

    try:
        return run_graph(graph, place.slots, start, ALLOW_FAILURE, on_end)
    except BaseException:
        pool.stop()
        raise
    finally:
        place.stop()


def conclude(results: dict[str, StageResult], parts: dict[str, float], tracking_seconds: float) -> State:
    """Publish the results and where the time went, and return the flow's final state with the summary."""
    summary = summarise(results)
    publish_results(summary)
    if parts:
        publish_times(to_markdown(parts, tracking_seconds))
        get_run_logger().info("%s", to_text(parts, tracking_seconds))
    return Failed(message=summary) if list_failures(results) else Completed(message=summary)
