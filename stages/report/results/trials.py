"""Read the results of one trial: its scores, losses, training summary and pictures of samples."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import (
    LOSS_CURVES,
    MANIFEST,
    METRICS,
    POINTS,
    SAMPLES,
    SCORES,
    TRAINING,
    Trial,
)
from stages.common.errors import InputError
from stages.report.results.losses import Losses, read_losses
from stages.report.results.records import parse_content, read_record
from stages.report.results.timings import read_processor_seconds

POINTS_KEYS = ("diverged_at_generator_step", "protocol", "points")
TRAINING_KEYS = ("generator_steps", "device")
CPU = "cpu"


class Point(NamedTuple):
    """The scores of one snapshot of the generator.

    Attributes:
        generator_step: the generator step of the snapshot.
        discriminator_steps: the number of discriminator steps up to the snapshot, each on a batch of real images.
        epoch: the number of epochs of the real images up to the snapshot.
        inception_score: mean over the splits of the images; None where the extractor tells no classes apart.
        inception_score_deviation: standard deviation over these splits; None where there is no Inception Score.
        fid: the FID of the snapshot's images.
        distinct_images: the number of distinct images.
        fid_low: lower end of the FID's 95 % interval over draws of images; None where evaluate gave none.
        fid_high: upper end of that interval.
        processor_seconds: the processor seconds of the training up to the snapshot; None if the training ran on another
            machine or on a GPU.
    """

    generator_step: int
    discriminator_steps: int
    epoch: float
    inception_score: float | None
    inception_score_deviation: float | None
    fid: float
    distinct_images: int
    fid_low: float | None = None
    fid_high: float | None = None
    processor_seconds: float | None = None

    def deviation_of(self, key: str) -> float | None:
        """Return the deviation of a score of this snapshot: the Inception Score's over splits; None for others."""
        return self.inception_score_deviation if key == "inception_score" else None

    def interval_of(self, key: str) -> tuple[float | None, float | None]:
        """Return the interval of this snapshot's score: the FID's if there is one; two None for other scores."""
        return (self.fid_low, self.fid_high) if key == "fid" else (None, None)


class TrialResult(NamedTuple):
    """All results of one trial.

    Attributes:
        trial: the trial.
        points: scored snapshots in the order of training; fewer than planned when the training diverged.
        diverged_at: the generator step of the first loss that was not finite, or None.
        training: the summary of the training by key.
        losses: the losses over the training.
        grids: the picture of samples for each generator step.
        interpolation: the picture of interpolations between noise vectors at the last snapshot, or None.
        md5_by_path: the MD5 of the files that the numbers are read from, by which DVC's cache and dvc.lock name them.
        is_missing: whether there are no results, because a stage of the trial failed or was not run.
    """

    trial: Trial
    points: list[Point]
    diverged_at: int | None
    training: dict[str, Any]
    losses: Losses
    grids: dict[int, Path]
    interpolation: Path | None
    md5_by_path: dict[str, str]
    is_missing: bool = False


def read_trial(trial: Trial, tells_classes: bool) -> tuple[TrialResult, dict[str, Any]]:
    """Read a trial's results and the protocol of its scores; a trial without results is marked missing.

    Args:
        trial: the trial.
        tells_classes: whether the extractor tells classes apart, so that every point must have an Inception Score.

    Raises:
        InputError: a file is damaged, or a scored snapshot has no picture of samples.
    """
    if _is_missing(trial):
        return TrialResult(trial, [], None, {}, Losses([], [], []), {}, None, {}, is_missing=True), {}
    scores_file = SCORES / trial.name / POINTS
    made_by = f"evaluate@{trial.name}"
    scores = read_record(scores_file, made_by, POINTS_KEYS)
    training = read_record(TRAINING / trial.name / METRICS, f"train@{trial.name}", TRAINING_KEYS)
    # A processor that feeds a GPU, or waits for it, says nothing about the GPU's work.
    seconds = read_processor_seconds(trial) if training["device"] == CPU else {}
    points = parse_content(
        scores_file,
        made_by,
        lambda: [_parse_point(point, tells_classes, seconds) for point in scores["points"]],
    )
    grids, interpolation = _find_pictures(trial)
    unseen = [point.generator_step for point in points if point.generator_step not in grids]
    if unseen:
        raise InputError(
            f"{scores_file} scores generator step {unseen[0]}, which {SAMPLES / trial.name / MANIFEST} has no grid of; "
            f"make both anew: `dvc repro -f sample@{trial.name} {made_by}`"
        )
    result = TrialResult(
        trial=trial,
        points=points,
        diverged_at=scores["diverged_at_generator_step"],
        training=training,
        losses=read_losses(trial),
        grids=grids,
        interpolation=interpolation,
        md5_by_path={
            str(path): _hash_md5(path) for path in (scores_file, TRAINING / trial.name / LOSS_CURVES)
        },
    )
    return result, scores["protocol"]


def _is_missing(trial: Trial) -> bool:
    """Return whether results are missing: DVC removes a stage's outputs before it runs the stage."""
    records = (TRAINING / trial.name / METRICS, SAMPLES / trial.name / MANIFEST, SCORES / trial.name / POINTS)
    return not all(record.exists() for record in records)


def _parse_point(record: dict[str, Any], tells_classes: bool, processor_seconds: dict[int, float]) -> Point:
    return Point(
        generator_step=int(record["generator_step"]),
        discriminator_steps=int(record["discriminator_steps"]),
        epoch=float(record["epoch"]),
        inception_score=float(record["inception_score"]) if tells_classes else None,
        inception_score_deviation=float(record["inception_score_deviation"]) if tells_classes else None,
        fid=float(record["fid"]),
        distinct_images=int(record["distinct_images"]),
        fid_low=_parse_optional(record, "fid_low"),
        fid_high=_parse_optional(record, "fid_high"),
        processor_seconds=processor_seconds.get(int(record["generator_step"])),
    )


def _parse_optional(record: dict[str, Any], key: str) -> float | None:
    return None if record.get(key) is None else float(record[key])


def _find_pictures(trial: Trial) -> tuple[dict[int, Path], Path | None]:
    """Find the grid of samples of each generator step, and the picture of the interpolation."""
    folder, made_by = SAMPLES / trial.name, f"sample@{trial.name}"
    record = read_record(folder / MANIFEST, made_by, ("points", "interpolation"))
    grids = parse_content(
        folder / MANIFEST,
        made_by,
        lambda: {int(point["generator_step"]): folder / point["grid"] for point in record["points"]},
    )
    return grids, folder / record["interpolation"] if record["interpolation"] else None


def _hash_md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
