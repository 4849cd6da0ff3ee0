"""Create runs that summarise a GAN under a setting over its seeds: the mean and deviation of each score.

MLflow's UI can group runs, but does not show a group's deviation.
"""

import statistics
from collections.abc import Iterator

from pipeline.tracking.colours import colour_run
from pipeline.tracking.lineage import hash_content
from pipeline.tracking.results import MetricValue, RunContent
from pipeline.tracking.run_data import log_missing_values, log_params, set_tags
from pipeline.tracking.runs import (
    COMPLETE,
    CONTENT_KEY,
    FINISHED,
    YES,
    claim_run,
    end_run,
    find_or_create_run,
    list_runs,
    supersede_runs,
)
from pipeline.tracking.store import Store
from pipeline.tracking.trials import PARENT
from stages.common.grid import Grid

KIND = "seeds"
SCORES = ("best_fid", "best_inception_score", "last_fid", "last_inception_score")


def sync_seeds(
    store: Store, experiment_id: str, results: list[RunContent], grid: Grid, parent: str, notes: list[str]
) -> None:
    """Create or complete the run of each GAN under each setting that has several seeds.

    Args:
        store: the store of the runs.
        experiment_id: the id of the experiment of the runs.
        results: the results of all trials.
        grid: the grid of the comparison.
        parent: the id of the comparison's run.
        notes: a list to which a line is added for each run that was in MLflow's trash.
    """
    groups: dict[tuple[str, str], list[RunContent]] = {}
    for result in results:
        groups.setdefault((result.trial.gan, result.trial.setting), []).append(result)
    for (gan, setting), group in groups.items():
        if len(group) < 2:
            continue
        identity = {"kind": KIND, "gan": gan, "setting": setting}
        key = hash_content({result.trial.name: result.lineage.key for result in group} | {"kind": KIND})
        run = find_or_create_run(
            store, experiment_id, f"{gan}-{setting}", identity | {CONTENT_KEY: key}, notes
        )
        if run.data.tags.get(COMPLETE) != YES:
            claim_run(store, run)
            seeds = ", ".join(str(result.trial.seed) for result in group)
            log_params(store, run, {"gan": gan, "setting": setting, "seeds": seeds})
            log_missing_values(store, run, list(summarise_seeds(group)))
            end_run(store, run, FINISHED)
        set_tags(store, run, identity | {COMPLETE: YES, PARENT: parent})
        colour_run(store, run, gan, grid.gans)
        supersede_runs(store, list_runs(store, experiment_id, **identity), by=run)


def summarise_seeds(group: list[RunContent]) -> Iterator[MetricValue]:
    """List the mean of each score over trials, under the score's name, and the sample standard deviation.

    Trials without a score are left out; the deviation needs two scores.
    """
    for score in SCORES:
        found = [value.value for result in group for value in result.values if value.key == score]
        if found:
            yield MetricValue(score, statistics.fmean(found), 0, 0.0)
        if len(found) > 1:
            yield MetricValue(f"{score}_deviation", statistics.stdev(found), 0, 0.0)
