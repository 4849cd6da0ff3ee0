"""Read the results of a finished trial as MLflow's params, tags, metrics, images and checkpoints."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.tracking.dataset import DATASET_TAG, read_manifest
from pipeline.tracking.lineage import Lineage, hash_output
from pipeline.tracking.lipschitz import row_to_metrics
from pipeline.tracking.timings import TrainingTimes
from stages.common.artifacts import (
    FINAL_STATE,
    LIPSCHITZ,
    MANIFEST,
    METRICS,
    METRICS_LOG,
    MODELS,
    POINTS,
    SAMPLES,
    SCORES,
    TRAINING,
    Trial,
    read_json,
)
from stages.common.errors import InputError

POSITION_KEYS = ("generator_step", "discriminator_steps", "epoch")
# MLflow's page of a run sorts the charts of metrics by name. The names of these metrics put them before all others.
LEADING_SCORES = ("fid", "inception_score")
LOSSES = {"discriminator_loss": "gan_loss/discriminator", "generator_loss": "gan_loss/generator"}
SUMMARY_PREFIXES = ("best_", "last_", "least_", "training_", "diverged_")


class MetricValue(NamedTuple):
    """One value of one metric.

    Attributes:
        key: the metric's name.
        value: the value; NaN if it was not a finite number.
        generator_step: the generator step of the value.
        seconds: the seconds of training until that step.
    """

    key: str
    value: float
    generator_step: int
    seconds: float


class RunContent(NamedTuple):
    """The content of the MLflow run of a finished trial, read from the trial's files.

    Attributes:
        trial: the trial.
        lineage: the inputs that its results were computed from.
        params: the params as text, by dotted name.
        tags: the tags that identify the trial, its data and its hardware.
        values: the values of all metrics.
        grids: the image file with a grid of samples, by generator step.
        checkpoints: the files of the checkpoints `last`, `best_fid` and `best_inception_score`, by this name.
        training_seconds: the duration of the training; None if it is not known, as for a result that was pulled.
        protocol: the protocol of its scores.
        best: its best scores and their generator steps, by name, such as `best_fid`.
    """

    trial: Trial
    lineage: Lineage
    params: dict[str, str]
    tags: dict[str, str]
    values: list[MetricValue]
    grids: dict[int, Path]
    checkpoints: dict[str, list[Path]]
    training_seconds: float | None
    protocol: dict[str, Any]
    best: dict[str, float]


def read_trial_results(trial: Trial, lineage: Lineage) -> RunContent:
    """Read the files of a finished trial.

    Raises:
        InputError: a file is missing or damaged, or its hash differs from that in dvc.lock.
    """
    try:
        return _read_files(trial, lineage)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"a record of {trial.name} is damaged ({error!r}); make its files again: `dvc repro -f train@{trial.name}`"
        ) from None


def _read_files(trial: Trial, lineage: Lineage) -> RunContent:
    scores_file, log_file = SCORES / trial.name / POINTS, TRAINING / trial.name / METRICS_LOG
    lipschitz_file = LIPSCHITZ / trial.name / METRICS_LOG
    for path in (scores_file, log_file, lipschitz_file):
        check_output(path, lineage)
    training = read_json(TRAINING / trial.name / METRICS, f"train@{trial.name}")
    summary = read_json(SCORES / trial.name / METRICS, f"evaluate@{trial.name}")
    scores = read_json(scores_file, f"evaluate@{trial.name}")
    models = read_json(MODELS / trial.name / MANIFEST, f"train@{trial.name}")
    samples = read_json(SAMPLES / trial.name / MANIFEST, f"sample@{trial.name}")
    rows = parse_rows(log_file.read_bytes())
    analyses = {row["generator_step"]: row for row in parse_rows(lipschitz_file.read_bytes())}
    points = [point | row_to_metrics(analyses[point["generator_step"]]) for point in scores["points"]]
    times = TrainingTimes.find(trial)
    seconds = times.training_seconds
    curves = [*_list_score_values(points, rows, times), *list_training_values(rows, times)]
    measured = {} if seconds is None else {"training_seconds": seconds}
    values = [*_list_summary_values(summary | training | measured, curves), *curves]
    return RunContent(
        trial=trial,
        lineage=lineage,
        params=flatten_params(trial, lineage.params) | flatten(scores["protocol"], "protocol"),
        tags=_make_tags(trial, lineage, training, scores),
        values=values,
        grids={point["generator_step"]: SAMPLES / trial.name / point["grid"] for point in samples["points"]},
        checkpoints=_list_checkpoints(trial, models, summary),
        training_seconds=seconds,
        protocol=scores["protocol"],
        best={key: float(value) for key, value in summary.items() if key.startswith("best_")},
    )


def parse_rows(content: bytes) -> list[dict[str, Any]]:
    """Parse the JSON rows of a log, one a line. A last line without a line break is skipped: it is being written."""
    return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def list_training_values(rows: list[dict[str, Any]], times: TrainingTimes) -> Iterator[MetricValue]:
    """List a training's logged numbers and times as metrics: `gan_loss/<network>`, `train/<name>` and `epoch`."""
    for row in rows:
        step = int(row["generator_step"])
        seconds = times.seconds_until(step)
        yield MetricValue("epoch", float(row["epoch"]), step, seconds)
        for key, value in (row | times.list_numbers(step)).items():
            if key not in ("generator_step", "epoch"):
                number = math.nan if value is None else float(value)
                yield MetricValue(LOSSES.get(key, f"train/{key}"), number, step, seconds)


def flatten_params(trial: Trial, sections: dict[str, Any]) -> dict[str, str]:
    """Flatten sections of params.yaml to dotted names.

    The section of the trial's setting is named `adam`, and that of its GAN's options `options`, so that a param has the
    same name in all trials.
    """
    names = {f"settings.{trial.setting}": "adam", f"options.{trial.gan}": "options"}
    params = {"gan": trial.gan, "setting": trial.setting, "seed": str(trial.seed)}
    for section, content in sections.items():
        params |= flatten(content, names.get(section, section))
    return params


def flatten(content: Any, name: str) -> dict[str, str]:
    """Flatten nested mappings to texts by dotted names, which begin with `name`."""
    if isinstance(content, dict):
        parts = [flatten(value, f"{name}.{key}") for key, value in content.items()]
        return {key: value for part in parts for key, value in part.items()}
    # JSON writes values as YAML does: true, null, 0.001. Text is kept without quotes.
    return {name: content if isinstance(content, str) else json.dumps(content)}


def _make_tags(
    trial: Trial, lineage: Lineage, training: dict[str, Any], scores: dict[str, Any]
) -> dict[str, str]:
    data = read_manifest()
    diverged_at = scores["diverged_at_generator_step"]
    tags = {
        "trial": trial.name,
        "gan": trial.gan,
        "setting": trial.setting,
        "seed": trial.seed,
        "dataset": data["dataset"],
        DATASET_TAG: data["sha256"],
        "extractor": scores["protocol"]["extractor"],
        "device": training["device"],
        "threads": training["threads"],
        "torch": training["torch"],
        "diverged": "no" if diverged_at is None else f"at generator step {diverged_at}",
        "mlflow.source.name": f"dvc repro evaluate@{trial.name}",
        "mlflow.source.type": "LOCAL",
    }
    tags |= {f"dvc_hash_{stage}": value for stage, value in lineage.stage_hashes.items()}
    return {key: str(value) for key, value in tags.items()}


def _list_score_values(
    points: list[dict[str, Any]], rows: list[dict[str, Any]], times: TrainingTimes
) -> Iterator[MetricValue]:
    logged = {row["generator_step"] for row in rows}
    for point in points:
        step = int(point["generator_step"])
        seconds = times.seconds_until(step)
        if step not in logged:
            yield MetricValue("epoch", float(point["epoch"]), step, seconds)
        for key, value in point.items():
            if key not in POSITION_KEYS and value is not None:
                yield MetricValue(_name_score(key), float(value), step, seconds)


def _name_score(key: str) -> str:
    """Return the metric name of a score: `evaluate/<name>` or `more_scores/<name>`; a name with a slash is kept."""
    if "/" in key:
        return key
    return f"evaluate/{key}" if key in LEADING_SCORES else f"more_scores/{key}"


def _list_summary_values(summary: dict[str, Any], values: list[MetricValue]) -> Iterator[MetricValue]:
    """List the numbers that describe the whole trial and have no curve.

    They are logged at step 0, for which MLflow's UI draws a bar; at another step it would draw a line of one point.
    """
    seconds = max((value.seconds for value in values), default=0.0)
    curves = {value.key.rpartition("/")[2] for value in values}
    for key, value in summary.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_shown = key.startswith(SUMMARY_PREFIXES) or key.endswith("_parameters")
        if is_number and is_shown and key not in curves:
            yield MetricValue(key, float(value), 0, seconds)


def _list_checkpoints(trial: Trial, models: dict[str, Any], summary: dict[str, Any]) -> dict[str, list[Path]]:
    """List the last snapshot, with the state that a training resumes from, and the snapshots with the best scores."""
    folder = MODELS / trial.name
    files = {snapshot["generator_step"]: folder / snapshot["file"] for snapshot in models["snapshots"]}
    if not files:
        return {}
    checkpoints = {"last": [folder / MANIFEST, files[max(files)]]}
    if (folder / FINAL_STATE).exists():
        checkpoints["last"].append(folder / FINAL_STATE)
    for score in ("fid", "inception_score"):
        step = summary.get(f"best_{score}_generator_step")
        if step is not None:
            checkpoints[f"best_{score}"] = [folder / MANIFEST, files[step]]
    return checkpoints


def check_output(path: Path, lineage: Lineage) -> None:
    """Refuse an output whose hash differs from that in dvc.lock.

    Args:
        path: the path of the output, a file or a folder.
        lineage: the lineage of the trial that the output belongs to.

    Raises:
        InputError: the output is missing, or its content has changed.
    """
    if not path.exists():
        raise InputError(f"{path} is missing; `dvc repro` makes it, `dvc pull` fetches it")
    found = hash_output(path)
    expected = lineage.outs.get(str(path))
    if found != expected:
        raise InputError(
            f"{path} has MD5 {found}, but dvc.lock names {expected}; `dvc repro` or `dvc checkout` makes them agree"
        )
