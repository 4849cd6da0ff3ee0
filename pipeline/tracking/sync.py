"""Sync the store with the results on disk; a second sync of the same results changes nothing."""

from typing import NamedTuple

from pipeline.tracking.address import FOLDER
from pipeline.tracking.colours import colour_run
from pipeline.tracking.comparison import fill_comparison, open_comparison
from pipeline.tracking.dataset import name_experiment
from pipeline.tracking.dvc_experiment import is_copy
from pipeline.tracking.entries import sync_entries
from pipeline.tracking.lineage import Lock, read_lock, trace_trial
from pipeline.tracking.links import write_link
from pipeline.tracking.promote import promote_champion
from pipeline.tracking.results import RunContent, read_trial_results
from pipeline.tracking.runs import end_abandoned_runs
from pipeline.tracking.seeds import sync_seeds
from pipeline.tracking.store import Store, ensure_experiment, lock_store
from pipeline.tracking.trials import sync_trial
from pipeline.tracking.ui import describe_experiment, publish_comparison
from stages.common.artifacts import DATA_MANIFEST, REPORT, Trial, write_json
from stages.common.errors import InputError
from stages.common.grid import Grid

SYNCED = FOLDER / "synced.json"


class SyncResult(NamedTuple):
    """The result of a sync.

    Attributes:
        run_ids: the runs' ids, by trial name.
        left_out: a line for each trial that was left out, with the reason.
        champion: a line that says which model is the champion and why.
        notes: a line for each change by a person in the store that was repaired or kept.
    """

    run_ids: dict[str, str]
    left_out: list[str]
    champion: str
    notes: list[str]


def sync(store: Store, replace_champion: bool = False, ui_address: str | None = None) -> SyncResult:
    """Sync every trial of the grid; once all trials and the report exist, sync the comparison and the champion too.

    `promote_champion` explains `replace_champion`, and `find_address` explains `ui_address`.

    Raises:
        ParamsError: params.yaml is not valid.
        InputError: there are no results on disk.
        MlflowException: the store failed or cannot be reached; the next sync adds the missing content.
    """
    grid, lock = Grid.load(), read_lock()
    if not DATA_MANIFEST.exists():
        raise InputError(f"{DATA_MANIFEST} is missing: there are no results yet; `dvc repro` makes them")
    results, left_out = read_results(grid.trials(), lock)
    notes: list[str] = []
    with lock_store():
        experiment_id = ensure_experiment(store, name_experiment(), notes)
        end_abandoned_runs(store, experiment_id)
        is_complete = not left_out and "report" in lock and (REPORT / "results.json").exists()
        comparison = open_comparison(store, experiment_id, results, lock, notes) if is_complete else None
        parent = comparison.info.run_id if comparison else None
        runs = {
            result.trial.name: sync_trial(store, experiment_id, result, notes, parent) for result in results
        }
        for result in results:
            colour_run(store, runs[result.trial.name], result.trial.gan, grid.gans)
        entries = [] if is_copy() else sync_entries(store, experiment_id, lock, notes)
        champion = "there is no champion until all trials and the report are finished"
        if comparison is not None:
            all_runs = runs | {entry.name: entry.run for entry in entries}
            fill_comparison(store, comparison, results, all_runs, lock, notes)
            champion = promote_champion(store, results, runs, replace_champion)
            if not is_copy():
                sync_seeds(store, experiment_id, results, grid, comparison.info.run_id, notes)
                publish_comparison(store, experiment_id, results, runs, entries, comparison, ui_address)
            write_json(SYNCED, {result.trial.name: result.lineage.key for result in results})
        if not is_copy():
            describe_experiment(store, experiment_id, grid, notes)
            write_link(experiment_id)
    return SyncResult({name: run.info.run_id for name, run in runs.items()}, left_out, champion, notes)


def read_results(trials: list[Trial], lock: Lock) -> tuple[list[RunContent], list[str]]:
    """Read the results of all finished trials, and list the reasons why the other trials are left out."""
    results, left_out = [], []
    for trial in trials:
        lineage = trace_trial(trial, lock)
        if lineage is None:
            left_out.append(
                f"{trial.name} is not finished: dvc.lock lacks one of its stages, or holds one that is older than its "
                "inputs; `dvc repro` runs the missing stages"
            )
            continue
        try:
            results.append(read_trial_results(trial, lineage))
        except ValueError as error:
            left_out.append(f"{trial.name}: {error}")
    return results, left_out
