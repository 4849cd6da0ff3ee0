"""Create, complete or repair the MLflow run of a finished trial from the trial's files."""

from pathlib import Path

from mlflow.entities import DatasetInput, InputTag, Run
from PIL import Image

from pipeline.machine import read_machine
from pipeline.tracking.commit import describe_commit
from pipeline.tracking.dataset import describe_dataset
from pipeline.tracking.descriptions import describe_trial, write_description
from pipeline.tracking.dvc_experiment import describe_dvc_experiment, is_copy
from pipeline.tracking.files import log_missing_files
from pipeline.tracking.results import RunContent
from pipeline.tracking.run_data import log_missing_values, log_params, log_values, set_tags
from pipeline.tracking.runs import (
    COMPLETE,
    CONTENT_KEY,
    FINISHED,
    RUNNING,
    YES,
    claim_run,
    create_run_of_content,
    end_run,
    find_run_of_content,
    find_run_of_training,
    list_runs,
    now_milliseconds,
    supersede_runs,
)
from pipeline.tracking.store import Store
from pipeline.tracking.trainings import find_exported_log
from stages.common.artifacts import Trial

PARENT = "mlflow.parentRunId"
SAMPLES_KEY = "samples"
KIND = "trial"


def sync_trial(
    store: Store, experiment_id: str, results: RunContent, notes: list[str], parent: str | None = None
) -> Run:
    """Create, complete or repair the run of a finished trial, and return it; a complete run is left unchanged.

    A run that live tracking created during the training is reused. Runs of the same trial with other content are tagged
    as superseded. If this call is interrupted, the next one does the rest.

    Args:
        store: the store of the run.
        experiment_id: the id of the experiment of the run.
        results: the results of the trial.
        notes: a list to which a line is added for each change by a person that was repaired.
        parent: the id of the comparison's run; None if there is none yet.
    """
    trial, key = results.trial, results.lineage.key
    identity = {name: str(value) for name, value in trial._asdict().items()}
    run = find_run_of_content(store, experiment_id, key, identity, notes)
    runs = list_runs(store, experiment_id, kind=KIND, trial=trial.name)
    if run is None:
        run = _find_run_without_key(runs, results)
    if run is None and (log := find_exported_log(trial)) is not None:
        run = find_run_of_training(runs, training_key=log.parent.name)
    is_new = run is None
    if run is None:
        start = now_milliseconds() - round(1000 * (results.training_seconds or 0.0))
        tags = {"kind": KIND, "trial": trial.name, CONTENT_KEY: key}
        run = create_run_of_content(store, experiment_id, trial.name, tags, start)
    if run.data.tags.get(COMPLETE) != YES:
        claim_run(store, run)
        _complete_run(store, run, results, is_new)
    elif is_copy():
        # The repository has the same results, and its run may be the child of another comparison.
        return run
    else:
        notes.extend(_repair_run(store, run, results))
    if not is_copy():
        # A run that is still running belongs to a training that is newer than these files.
        supersede_runs(store, [other for other in runs if other.info.status != RUNNING], by=run)
    description = write_description(describe_trial(results), run.data.tags, f"the run {trial.name}", notes)
    parent_tag = {PARENT: parent} if parent is not None else {}
    set_tags(store, run, description | describe_dvc_experiment() | parent_tag)
    return run


def _find_run_without_key(runs: list[Run], results: RunContent) -> Run | None:
    """Find the complete run of these results whose content key a person has deleted."""
    hashes = {f"dvc_hash_{stage}": value for stage, value in results.lineage.stage_hashes.items()}
    for run in runs:
        tags = run.data.tags
        is_keyless = CONTENT_KEY not in tags and tags.get(COMPLETE) == YES
        if is_keyless and hashes.items() <= tags.items():
            return run
    return None


def _repair_run(store: Store, run: Run, results: RunContent) -> list[str]:
    """Repair the changes that a person has made to a complete run, and describe each repair in one line."""
    notes = []
    expected = {"kind": KIND, CONTENT_KEY: results.lineage.key} | results.tags
    changed = [key for key, value in expected.items() if run.data.tags.get(key) != value]
    if changed:
        set_tags(store, run, expected)
        notes.append(f"restored the tags {', '.join(changed)} of the run {results.trial.name}")
    if run.info.status != FINISHED:
        end_run(store, run, FINISHED, run.info.end_time)
        notes.append(f"the run {results.trial.name} was {run.info.status}, and is FINISHED again")
    count = len(_log_missing_checkpoints(store, run, results)) + _log_grids(store, run, results)
    if count:
        notes.append(
            f"logged {count} artifacts of the run {results.trial.name} again, which were missing or incomplete"
        )
    return notes


def _tag_machine(trial: Trial) -> dict[str, str]:
    """Return tags that describe the machine of a training; none if it is unknown, as after `dvc repro` without a flow.

    Only a new run gets them: another machine may get the same results, and would otherwise replace them.
    """
    return {f"machine.{name}": value for name, value in read_machine(trial).items() if value}


def _complete_run(store: Store, run: Run, results: RunContent, is_new: bool) -> None:
    tags = {"kind": KIND, CONTENT_KEY: results.lineage.key}
    set_tags(store, run, tags | results.tags | describe_commit() | _tag_machine(results.trial))
    log_params(store, run, results.params)
    context = InputTag(key="mlflow.data.context", value="training and reference")
    store.client.log_inputs(run.info.run_id, datasets=[DatasetInput(describe_dataset(), [context])])
    # A new run has no values, so there is no need to request a list of them.
    (log_values if is_new else log_missing_values)(store, run, results.values)
    _log_grids(store, run, results)
    _log_missing_checkpoints(store, run, results)
    end_run(store, run, FINISHED, run.info.start_time + round(1000 * (results.training_seconds or 0.0)))
    # The run is marked as complete last, so that an interrupted call is repeated.
    set_tags(store, run, {COMPLETE: YES})


def _log_missing_checkpoints(store: Store, run: Run, results: RunContent) -> list[str]:
    files = {
        f"checkpoints/{folder}/{file.name}": file
        for folder, files in results.checkpoints.items()
        for file in files
    }
    return log_missing_files(store, run, files)


def _log_grids(store: Store, run: Run, results: RunContent) -> int:
    """Log each grid of samples as an image at its generator step, unless both files that MLflow makes of it exist.

    Returns:
        The number of grids that were logged.
    """
    count = 0
    names = [Path(file.path).name for file in store.client.list_artifacts(run.info.run_id, "images")]
    seconds_at = {value.generator_step: value.seconds for value in results.values}
    for step, path in results.grids.items():
        if sum(name.startswith(f"{SAMPLES_KEY}+step+{step}+") for name in names) >= 2:
            continue
        seconds = seconds_at.get(step, results.training_seconds or 0.0)
        time = run.info.start_time + round(1000 * seconds)
        with Image.open(path) as grid:
            store.client.log_image(run.info.run_id, grid, key=SAMPLES_KEY, step=step, timestamp=time)
        count += 1
    return count
