"""Read what all stages left on disk, and refuse scores that must not share a table."""

from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import (
    DATA_MANIFEST,
    EXTRACTOR,
    MANIFEST,
    METRICS,
    NEIGHBOURS,
    NEIGHBOURS_RECORD,
    POINTS,
    REAL_SCORES,
    SAMPLES,
    SCORES,
    TRAINING,
    Trial,
)
from stages.common.grid import Grid
from stages.common.params import load_section
from stages.report.params import ReportParams, SettingNumbers
from stages.report.published import name_data_set
from stages.report.results.losses import Losses, read_losses
from stages.report.results.records import read_record, take
from stages.scores.protocol import COUNTS, check_same_protocol

# What the tables and pages show of each record; a file without one of them is damaged.
REAL_KEYS = (
    "real_split",
    "real_count",
    "other_split",
    "other_count",
    "inception_score",
    "inception_score_deviation",
    "fid",
    "fid_low",
    "fid_high",
    "protocol",
)
CARD_KEYS = ("name", "title", "feature_dimension", "class_count")
DATA_KEYS = ("dataset", "licence", "source", "image_size", "channels", "splits")
NEIGHBOURS_KEYS = ("sample_count", "held_out_count", "train_count", "shown", "trials")
TRAINING_KEYS = ("generator_steps", "training_seconds", "images_per_second")


class Point(NamedTuple):
    """The scores of one snapshot.

    Attributes:
        generator_step: when.
        epoch: the same in epochs.
        inception_score: mean over splits of the images.
        inception_score_deviation: over these splits.
        fid: of the snapshot's images.
        distinct_images: how many of them differ.
        fid_low: lower end of the FID's 95 % interval over draws of images; None where evaluate gave none.
        fid_high: upper end.
    """

    generator_step: int
    epoch: float
    inception_score: float
    inception_score_deviation: float
    fid: float
    distinct_images: int
    fid_low: float | None = None
    fid_high: float | None = None

    def deviation_of(self, key: str) -> float | None:
        """Return the deviation that one snapshot's score has by itself: the Inception Score's, over its splits."""
        return self.inception_score_deviation if key == "inception_score" else None

    def interval_of(self, key: str) -> tuple[float | None, float | None]:
        """Return the interval that one snapshot's score has by itself: the FID's, where there is one."""
        return (self.fid_low, self.fid_high) if key == "fid" else (None, None)


class TrialResult(NamedTuple):
    """All that is known of one trial.

    Attributes:
        trial: the trial.
        points: in the order of training; fewer than planned when it diverged.
        diverged_at: the generator step of the first loss that was no finite number, or None.
        training: the flat summary of its training.
        losses: over the training.
        grids: picture of samples by generator step.
        interpolation: picture of the last snapshot's images between pairs of noise vectors; None where it has none.
        is_missing: whether there are no results of it: a stage of it failed, or was not run.
    """

    trial: Trial
    points: list[Point]
    diverged_at: int | None
    training: dict[str, Any]
    losses: Losses
    grids: dict[int, Path]
    interpolation: Path | None = None
    is_missing: bool = False


class Results(NamedTuple):
    """Everything that the report tells.

    Attributes:
        title: of the report.
        grid: GANs, settings and seeds.
        settings: Adam's numbers by letter, of the settings used.
        trials: in the grid's order.
        protocol: what all scores were made with.
        real: the scores of real images.
        card: what the extractor is.
        data: the data set's manifest.
        neighbours: distances to the nearest training images, by trial, and of how many images.
    """

    title: str
    grid: Grid
    settings: dict[str, dict[str, Any]]
    trials: list[TrialResult]
    protocol: dict[str, Any]
    real: dict[str, Any]
    card: dict[str, Any]
    data: dict[str, Any]
    neighbours: dict[str, Any]

    def of(self, gan: str, setting: str) -> list[TrialResult]:
        """List the trials of a GAN under a setting, one a seed."""
        return [
            result for result in self.trials if result.trial.gan == gan and result.trial.setting == setting
        ]

    @property
    def data_set(self) -> str:
        """The data set's name for people."""
        return name_data_set(self.data["dataset"])

    @property
    def missing(self) -> list[str]:
        """Names of the trials without results, of which no table or figure shows anything."""
        return [result.trial.name for result in self.trials if result.is_missing]


def read_results() -> Results:
    """Read the results of the whole grid; a trial that a stage of failed is marked missing, not guessed at.

    Raises:
        ParamsError: params.yaml is wrong.
        ValueError: there is no trial, or a file is damaged, or its scores were made under another protocol.
    """
    title = load_section(ReportParams, "report").title
    grid = Grid.load()
    settings = {letter: _read_setting(letter) for letter in grid.settings_used}
    real = read_record(REAL_SCORES, "reference", REAL_KEYS)
    trials, protocols = [], {}
    for trial in grid.trials():
        if _is_missing(trial):
            trials.append(TrialResult(trial, [], None, {}, Losses([], [], []), {}, is_missing=True))
            continue
        result, protocols[trial] = _read_trial(trial)
        trials.append(result)
    if not protocols:
        raise ValueError(
            f"{SCORES} holds no trial of the {len(trials)} in params.yaml; `dvc repro` makes them"
        )
    _refuse_mixed(real["protocol"], protocols)
    return Results(
        title=title,
        grid=grid,
        settings=settings,
        trials=trials,
        protocol=next(iter(protocols.values())),
        real=real,
        card=read_record(EXTRACTOR / "card.json", "extractor", CARD_KEYS),
        data=read_record(DATA_MANIFEST, "prepare", DATA_KEYS),
        neighbours=read_record(NEIGHBOURS / NEIGHBOURS_RECORD, "neighbours", NEIGHBOURS_KEYS),
    )


def _read_setting(letter: str) -> dict[str, Any]:
    return dict(load_section(SettingNumbers, "settings", letter).model_extra or {})


def _is_missing(trial: Trial) -> bool:
    """Tell whether a stage of the trial failed: DVC removes a stage's outputs before it runs it."""
    records = (TRAINING / trial.name / METRICS, SAMPLES / trial.name / MANIFEST, SCORES / trial.name / POINTS)
    return not all(record.exists() for record in records)


def _read_trial(trial: Trial) -> tuple[TrialResult, dict[str, Any]]:
    scores_file = SCORES / trial.name / POINTS
    made_by = f"evaluate@{trial.name}"
    scores = read_record(scores_file, made_by, ("diverged_at_generator_step", "protocol", "points"))
    points = take(scores_file, made_by, lambda: [_to_point(point) for point in scores["points"]])
    training = read_record(TRAINING / trial.name / METRICS, f"train@{trial.name}", TRAINING_KEYS)
    losses, (grids, interpolation) = read_losses(trial), _find_pictures(trial)
    unseen = [point.generator_step for point in points if point.generator_step not in grids]
    if unseen:
        raise ValueError(
            f"{scores_file} scores generator step {unseen[0]}, which {SAMPLES / trial.name / MANIFEST} has no grid of; "
            f"make both anew: `dvc repro -f sample@{trial.name} {made_by}`"
        )
    diverged_at = scores["diverged_at_generator_step"]
    return TrialResult(trial, points, diverged_at, training, losses, grids, interpolation), scores["protocol"]


def _to_point(record: dict[str, Any]) -> Point:
    return Point(
        generator_step=int(record["generator_step"]),
        epoch=float(record["epoch"]),
        inception_score=float(record["inception_score"]),
        inception_score_deviation=float(record["inception_score_deviation"]),
        fid=float(record["fid"]),
        distinct_images=int(record["distinct_images"]),
        fid_low=_optional(record, "fid_low"),
        fid_high=_optional(record, "fid_high"),
    )


def _optional(record: dict[str, Any], key: str) -> float | None:
    return None if record.get(key) is None else float(record[key])


def _find_pictures(trial: Trial) -> tuple[dict[int, Path], Path | None]:
    """Name the grid of each generator step, and the walk between noise vectors."""
    folder, made_by = SAMPLES / trial.name, f"sample@{trial.name}"
    record = read_record(folder / MANIFEST, made_by, ("points", "interpolation"))
    grids = take(
        folder / MANIFEST,
        made_by,
        lambda: {int(point["generator_step"]): folder / point["grid"] for point in record["points"]},
    )
    return grids, folder / record["interpolation"] if record["interpolation"] else None


def _refuse_mixed(real: dict[str, Any], protocols: dict[Trial, dict[str, Any]]) -> None:
    """Refuse scores of different extractors or protocols: they must never share a table."""
    first_trial, first = next(iter(protocols.items()))
    first_file = str(SCORES / first_trial.name / POINTS)
    for trial, protocol in protocols.items():
        cure = f"score both alike: `dvc repro evaluate@{first_trial.name} evaluate@{trial.name}`"
        check_same_protocol(first, protocol, (first_file, str(SCORES / trial.name / POINTS)), cure)
    # There may be fewer real images than generated ones; the row of real data says how many.
    check_same_protocol(
        first, real, (first_file, str(REAL_SCORES)), "score all alike: `dvc repro`", ignored=COUNTS
    )
