"""What a finished trial's files say, in MLflow's terms: params, tags, metrics, pictures, checkpoints."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.tracking.lineage import Lineage
from pipeline.tracking.lipschitz import flatten_analysis
from stages.common.artifacts import (
    DATA_MANIFEST,
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

PLACES = ("generator_step", "discriminator_steps", "epoch")


class Value(NamedTuple):
    """One value of one metric.

    Attributes:
        key: the metric's name.
        value: NaN where it was no finite number.
        generator_step: when.
        seconds: of training until then.
    """

    key: str
    value: float
    generator_step: int
    seconds: float


class TrialContent(NamedTuple):
    """A finished trial.

    Attributes:
        trial: the trial.
        lineage: what made it.
        params: flat, by dotted name.
        tags: names of what it is and what it ran on.
        values: of every metric.
        pictures: grid of samples by generator step.
        checkpoints: files by the folder that shows what they are: `last`, `best_fid`, `best_inception_score`.
        seconds: of training.
        protocol: what its scores were made with.
        best: its best scores, by `best_fid` and so on.
    """

    trial: Trial
    lineage: Lineage
    params: dict[str, str]
    tags: dict[str, str]
    values: list[Value]
    pictures: dict[int, Path]
    checkpoints: dict[str, list[Path]]
    seconds: float
    protocol: dict[str, Any]
    best: dict[str, float]


def read_trial_content(trial: Trial, lineage: Lineage) -> TrialContent:
    """Read a finished trial's files.

    Raises:
        ValueError: a file is missing, damaged, or not the one that dvc.lock names.
    """
    try:
        return _read(trial, lineage)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"a record of {trial.name} is damaged ({error!r}); make its files anew: `dvc repro -f train@{trial.name}`"
        ) from None


def _read(trial: Trial, lineage: Lineage) -> TrialContent:
    scores_file, log_file = SCORES / trial.name / POINTS, TRAINING / trial.name / METRICS_LOG
    lipschitz_file = LIPSCHITZ / trial.name / METRICS_LOG
    for path in (scores_file, log_file, lipschitz_file):
        _refuse_other_content(path, lineage)
    training = read_json(TRAINING / trial.name / METRICS, f"train@{trial.name}")
    summary = read_json(SCORES / trial.name / METRICS, f"evaluate@{trial.name}")
    scores = read_json(scores_file, f"evaluate@{trial.name}")
    manifest = read_json(MODELS / trial.name / MANIFEST, f"train@{trial.name}")
    drawn = read_json(SAMPLES / trial.name / MANIFEST, f"sample@{trial.name}")
    rows = parse_rows(whole_lines(log_file.read_bytes()))
    analyses = {row["generator_step"]: row for row in parse_rows(lipschitz_file.read_bytes())}
    points = [point | flatten_analysis(analyses[point["generator_step"]]) for point in scores["points"]]
    values = [*list_training_values(rows), *_list_scores(points, rows)]
    values += _list_summary(training | summary, values)
    return TrialContent(
        trial=trial,
        lineage=lineage,
        params=flatten_params(trial, lineage.params) | _flatten(scores["protocol"], "protocol"),
        tags=_describe(trial, lineage, training, scores),
        values=values,
        pictures={point["generator_step"]: SAMPLES / trial.name / point["grid"] for point in drawn["points"]},
        checkpoints=_list_checkpoints(trial, manifest, summary),
        seconds=float(training["training_seconds"]),
        protocol=scores["protocol"],
        best={key: float(value) for key, value in summary.items() if key.startswith("best_")},
    )


def whole_lines(content: bytes) -> bytes:
    """Leave out a last line that is not ended yet."""
    return content[: content.rfind(b"\n") + 1]


def parse_rows(lines: bytes) -> list[dict[str, Any]]:
    """Parse whole lines of a training log."""
    return [json.loads(line) for line in lines.splitlines()]


def list_training_values(rows: list[dict[str, Any]]) -> Iterator[Value]:
    """List what the training logged, as metrics `train/<name>`, and `epoch`."""
    for row in rows:
        step, seconds = int(row["generator_step"]), float(row["elapsed_seconds"])
        yield Value("epoch", float(row["epoch"]), step, seconds)
        for key, value in row.items():
            if key not in ("generator_step", "epoch"):
                yield Value(f"train/{key}", math.nan if value is None else float(value), step, seconds)


def flatten_params(trial: Trial, sections: dict[str, Any]) -> dict[str, str]:
    """Flatten sections of params.yaml; those of one GAN or setting lose its name, so that trials compare."""
    named = {f"settings.{trial.setting}": "adam", f"options.{trial.gan}": "options"}
    params = {"gan": trial.gan, "setting": trial.setting, "seed": str(trial.seed)}
    for section, content in sections.items():
        params |= _flatten(content, named.get(section, section))
    return params


def _flatten(content: Any, name: str) -> dict[str, str]:
    if isinstance(content, dict):
        parts = [_flatten(value, f"{name}.{key}") for key, value in content.items()]
        return {key: value for part in parts for key, value in part.items()}
    # As YAML and JSON write it: true, null, 0.001; text without quotes.
    return {name: content if isinstance(content, str) else json.dumps(content)}


def _describe(
    trial: Trial, lineage: Lineage, training: dict[str, Any], scores: dict[str, Any]
) -> dict[str, str]:
    data = read_json(DATA_MANIFEST, "prepare")
    diverged_at = scores["diverged_at_generator_step"]
    tags = {
        "trial": trial.name,
        "gan": trial.gan,
        "setting": trial.setting,
        "seed": trial.seed,
        "dataset": data["dataset"],
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


def _list_scores(points: list[dict[str, Any]], rows: list[dict[str, Any]]) -> Iterator[Value]:
    seconds = {row["generator_step"]: row["elapsed_seconds"] for row in rows}
    last = rows[-1]["elapsed_seconds"] if rows else 0.0
    for point in points:
        step = int(point["generator_step"])
        at = float(seconds.get(step, last))
        if step not in seconds:
            yield Value("epoch", float(point["epoch"]), step, at)
        for key, value in point.items():
            if key not in PLACES and value is not None:
                yield Value(key, float(value), step, at)


def _list_summary(summary: dict[str, Any], values: list[Value]) -> Iterator[Value]:
    """List the single numbers, but for what is a curve already or no measurement.

    They are at step 0, where the UI draws a bar; at any other it would draw a line of one point.
    """
    seconds = max((value.seconds for value in values), default=0.0)
    curves = {value.key.removeprefix("train/") for value in values}
    for key, value in summary.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_shown = key.startswith(("best_", "last_", "least_", "training_", "diverged_")) or key.endswith(
            "_parameters"
        )
        if is_number and is_shown and key not in curves:
            yield Value(key, float(value), 0, seconds)


def _list_checkpoints(
    trial: Trial, manifest: dict[str, Any], summary: dict[str, Any]
) -> dict[str, list[Path]]:
    """List the snapshots of the end and of the best scores; `last` has what a training goes on from, too."""
    folder = MODELS / trial.name
    files = {snapshot["generator_step"]: folder / snapshot["file"] for snapshot in manifest["snapshots"]}
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


def _refuse_other_content(path: Path, lineage: Lineage) -> None:
    if not path.exists():
        raise ValueError(f"{path} is missing; `dvc repro` makes it, `dvc pull` fetches it")
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    expected = lineage.outs.get(str(path))
    if found != expected:
        raise ValueError(
            f"{path} has MD5 {found}, but dvc.lock names {expected}; make them agree: `dvc repro`, or `dvc checkout`"
        )
