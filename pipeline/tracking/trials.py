"""Bring the run of a finished trial up to what its files say."""

import shutil
import tempfile
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Run
from PIL import Image

from pipeline.tracking.content import TrialContent
from pipeline.tracking.dataset import describe_dataset
from pipeline.tracking.lineage import describe_commit
from pipeline.tracking.live import (
    FINISHED,
    FOLLOWER,
    RUNNING,
    claim,
    end_run,
    find_followed_run,
    name_follower,
)
from pipeline.tracking.runs import (
    COMPLETE,
    CONTENT_KEY,
    KIND,
    PARENT,
    TRIAL,
    YES,
    create_run,
    list_runs,
    log_missing_values,
    log_params,
    now_milliseconds,
    set_tags,
    supersede,
)
from pipeline.tracking.store import Store

SAMPLES_KEY = "samples"
PICTURES_FOLDER = "images"
CHECKPOINTS_FOLDER = "checkpoints"


def sync_trial(store: Store, experiment_id: str, content: TrialContent, parent: str | None = None) -> Run:
    """Make or complete the run of a finished trial; a complete one is left as it is.

    The run that followed the trial's training is taken over. Runs of the same trial with other content are tagged
    superseded. Ended half-way, the next call does the rest.

    Args:
        store: where.
        experiment_id: in which experiment.
        content: what the trial's files say.
        parent: run id of the comparison that the trial is shown under.

    Returns:
        The run.
    """
    runs = list_runs(store, experiment_id, **{KIND: TRIAL, TRIAL: content.trial.name})
    key = content.lineage.key
    same = [run for run in runs if run.data.tags.get(CONTENT_KEY) == key]
    is_new = False
    if same:
        run = same[0]
    elif (followed := find_followed_run(runs, content.trial)) is not None:
        run = followed
        set_tags(store, run, {CONTENT_KEY: key})
    else:
        start = now_milliseconds() - round(1000 * content.seconds)
        tags = {KIND: TRIAL, TRIAL: content.trial.name, CONTENT_KEY: key, FOLLOWER: name_follower()}
        run = create_run(store, experiment_id, content.trial.name, tags, start)
        is_new = True
    if run.data.tags.get(COMPLETE) != YES:
        claim(store, run)
        _complete(store, run, content, is_new)
    # One that still runs is of a training newer than these files.
    supersede(store, [other for other in runs if other.info.status != RUNNING], by=run)
    if parent is not None:
        set_tags(store, run, {PARENT: parent})
    return run


def _complete(store: Store, run: Run, content: TrialContent, is_new: bool) -> None:
    set_tags(store, run, content.tags | describe_commit())
    log_params(store, run, content.params)
    store.client.log_inputs(run.info.run_id, datasets=[_to_input()])
    log_missing_values(store, run, content.values, is_new)
    _log_pictures(store, run, content)
    _log_checkpoints(store, run, content.checkpoints)
    # Last of all: what ends before this is done again.
    set_tags(store, run, {COMPLETE: YES})
    end = run.info.start_time + round(1000 * content.seconds)
    end_run(store, run, FINISHED, end)


def _to_input() -> DatasetInput:
    described = describe_dataset()
    return DatasetInput(
        Dataset(**described._asdict()), [InputTag(key="mlflow.data.context", value="training and reference")]
    )


def _log_pictures(store: Store, run: Run, content: TrialContent) -> None:
    """Log each grid as an image of its generator step, unless both of its files are there already."""
    kept = [Path(file.path).name for file in store.client.list_artifacts(run.info.run_id, PICTURES_FOLDER)]
    seconds = {value.generator_step: value.seconds for value in content.values}
    for step, path in content.pictures.items():
        if sum(name.startswith(f"{SAMPLES_KEY}+step+{step}+") for name in kept) >= 2:
            continue
        time = run.info.start_time + round(1000 * seconds.get(step, content.seconds))
        with Image.open(path) as picture:
            store.client.log_image(run.info.run_id, picture, key=SAMPLES_KEY, step=step, timestamp=time)


def _log_checkpoints(store: Store, run: Run, checkpoints: dict[str, list[Path]]) -> None:
    """Log the checkpoints in one go; a file that is there already is overwritten by the same."""
    with tempfile.TemporaryDirectory() as name:
        for folder, files in checkpoints.items():
            target = Path(name) / folder
            target.mkdir()
            for file in files:
                shutil.copyfile(file, target / file.name)
        store.client.log_artifacts(run.info.run_id, name, CHECKPOINTS_FOLDER)
