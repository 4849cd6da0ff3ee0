"""Bring the store up to what is on disk; done twice, the second time changes nothing."""

from typing import NamedTuple

from pipeline.tracking.champion import crown_champion
from pipeline.tracking.comparison import fill_comparison, open_comparison
from pipeline.tracking.content import TrialContent, read_trial_content
from pipeline.tracking.dataset import name_experiment
from pipeline.tracking.lineage import Lock, read_lock, trace_trial
from pipeline.tracking.live import end_abandoned_runs
from pipeline.tracking.store import FOLDER, Store, ensure_experiment, lock_store
from pipeline.tracking.trials import sync_trial
from pipeline.tracking.views import describe_experiment, publish_views
from stages.common.artifacts import DATA_MANIFEST, REPORT, Trial, write_json
from stages.common.grid import Grid

SYNCED = FOLDER / "synced.json"


class Synced(NamedTuple):
    """What a sync came to.

    Attributes:
        trials: runs by trial name.
        faults: why trials were left out, a line each.
        champion: what came of the champion.
    """

    trials: dict[str, str]
    faults: list[str]
    champion: str


def sync(store: Store, replace_champion: bool = False, base: str | None = None) -> Synced:
    """Sync every trial of the grid, then the comparison, the champion and the views.

    Args:
        store: where.
        replace_champion: see `crown_champion`.
        base: see `publish_views`.

    Returns:
        What was synced. Without all trials and a report there is no comparison yet, and no champion.

    Raises:
        ParamsError: params.yaml is wrong.
        ValueError: nothing is there to sync.
        MlflowException: the store failed or cannot be reached; what is missing is made up by the next call.
    """
    grid, lock = Grid.load(), read_lock()
    if not DATA_MANIFEST.exists():
        raise ValueError(f"{DATA_MANIFEST} is missing: there are no results yet; `dvc repro` makes them")
    contents, faults = read_contents(grid.trials(), lock)
    with lock_store():
        experiment_id = ensure_experiment(store, name_experiment())
        end_abandoned_runs(store, experiment_id)
        is_whole = not faults and "report" in lock and (REPORT / "results.json").exists()
        parent = open_comparison(store, experiment_id, contents) if is_whole else None
        parent_id = parent.info.run_id if parent else None
        runs = {
            content.trial.name: sync_trial(store, experiment_id, content, parent_id) for content in contents
        }
        champion = "no champion before all trials and the report are there"
        if parent is not None:
            fill_comparison(store, experiment_id, parent, contents, runs, lock)
            champion = crown_champion(store, contents, runs, replace_champion)
            publish_views(store, experiment_id, contents, runs, parent, base)
            write_json(SYNCED, {content.trial.name: content.lineage.key for content in contents})
        describe_experiment(store, experiment_id, grid)
    return Synced({name: run.info.run_id for name, run in runs.items()}, faults, champion)


def read_contents(trials: list[Trial], lock: Lock) -> tuple[list[TrialContent], list[str]]:
    """Read all finished trials; the others are named with what keeps them out."""
    contents, faults = [], []
    for trial in trials:
        lineage = trace_trial(trial, lock)
        if lineage is None:
            faults.append(
                f"{trial.name} is not finished: dvc.lock lacks one of its stages or holds an older one; "
                "`dvc repro` goes on"
            )
            continue
        try:
            contents.append(read_trial_content(trial, lineage))
        except ValueError as error:
            faults.append(f"{trial.name}: {error}")
    return contents, faults
