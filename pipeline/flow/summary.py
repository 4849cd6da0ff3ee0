"""Summarise a flow: how many trials are done, which stages failed and why, and which were not started."""

from collections.abc import Mapping

from pipeline.dvc.repo import DvcError, Graph, reproduce_all
from pipeline.dvc.worker import DiedError, WorkerPool
from pipeline.flow.scheduler import Outcome, StageResult, name_trial

LAST_CHECK = "dvc repro"


def check_nothing_left(pool: WorkerPool, graph: Graph) -> dict[str, StageResult]:
    """Make DVC reproduce all stages once more, and check that it finds nothing to do.

    Returns:
        An empty dictionary; if the check failed, its result under the name `dvc repro`.
    """
    try:
        left = reproduce_all(pool, graph)
    except (DvcError, DiedError) as error:
        return {LAST_CHECK: StageResult(Outcome.FAILED, f"the last `{LAST_CHECK}` failed: {error}")}
    if left:
        return {
            LAST_CHECK: StageResult(
                Outcome.FAILED, f"the last `{LAST_CHECK}` still found work: {', '.join(left)}"
            )
        }
    return {}


def list_failures(results: Mapping[str, StageResult]) -> list[str]:
    """List the failed stages and the reasons, one line for each."""
    return [
        f"{stage}: {result.reason}" for stage, result in results.items() if result.outcome is Outcome.FAILED
    ]


def summarise(results: Mapping[str, StageResult]) -> str:
    """Write the summary: counts of trials and stages, then each failure, then the stages that were not started."""
    counts = {outcome: sum(result.outcome is outcome for result in results.values()) for outcome in Outcome}
    trials = {trial for stage in results if (trial := name_trial(stage))}
    incomplete = {name_trial(stage) for stage, result in results.items() if not result.is_good}
    done = (
        f"{len(trials - incomplete)} of {len(trials)} trials done; "
        f"{counts[Outcome.RUN]} stages run, {counts[Outcome.CACHED]} cached"
    )
    failures = list_failures(results)
    if not failures:
        return done
    skipped = [stage for stage, result in results.items() if result.outcome is Outcome.SKIPPED]
    not_started = f"\nNot started: {', '.join(skipped)}" if skipped else ""
    return f"{done}, {len(failures)} failed.\n" + "\n".join(failures) + not_started
