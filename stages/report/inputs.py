"""Read what all stages left on disk, and refuse scores that must not share a table."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from stages.common.artifacts import (
    DATA_MANIFEST,
    EXTRACTOR,
    LOSS_CURVES,
    MANIFEST,
    METRICS,
    POINTS,
    REAL_SCORES,
    SAMPLES,
    SCORES,
    TRAINING,
    Leg,
    read_json,
)
from stages.common.grid import Grid
from stages.common.params import load_section
from stages.report.params import ReportParams, SettingNumbers
from stages.scores.protocol import COUNTS, refuse_unlike

Result = TypeVar("Result")

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
TRAINING_KEYS = ("generator_steps", "training_seconds", "images_per_second")


class Point(NamedTuple):
    """The scores of one snapshot; `fid_low` and `fid_high` hold its FID's 95 % interval."""

    generator_step: int
    epoch: float
    inception_score: float
    inception_score_deviation: float
    fid: float
    fid_low: float
    fid_high: float
    distinct_images: int


class Losses(NamedTuple):
    """A leg's losses; None where one is no finite number."""

    generator_steps: list[int]
    discriminator: list[float | None]
    generator: list[float | None]


class LegResult(NamedTuple):
    """All that is known of one leg.

    Attributes:
        leg: the leg.
        points: in the order of training; fewer than planned when it diverged.
        diverged_at: the generator step of the first loss that was no finite number, or None.
        training: the flat summary of its training.
        losses: over the training.
        grids: picture of samples by generator step.
        is_missing: whether there are no results of it: a stage of it failed, or was not run.
    """

    leg: Leg
    points: list[Point]
    diverged_at: int | None
    training: dict[str, Any]
    losses: Losses
    grids: dict[int, Path]
    is_missing: bool = False


class Results(NamedTuple):
    """Everything that the report tells.

    Attributes:
        title: of the report.
        grid: GANs, settings and seeds.
        settings: Adam's numbers by letter, of the settings used.
        legs: in the grid's order.
        protocol: what all scores were made with.
        real: the scores of real images.
        card: what the extractor is.
        data: the data set's manifest.
    """

    title: str
    grid: Grid
    settings: dict[str, dict[str, Any]]
    legs: list[LegResult]
    protocol: dict[str, Any]
    real: dict[str, Any]
    card: dict[str, Any]
    data: dict[str, Any]

    def of(self, gan: str, setting: str) -> list[LegResult]:
        """List the legs of a GAN under a setting, one a seed."""
        return [result for result in self.legs if result.leg.gan == gan and result.leg.setting == setting]

    @property
    def missing(self) -> list[str]:
        """Names of the legs without results, of which no table or figure shows anything."""
        return [result.leg.name for result in self.legs if result.is_missing]


def read_results() -> Results:
    """Read the results of the whole grid; a leg that a stage of failed is marked missing, not guessed at.

    Raises:
        ParamsError: params.yaml is wrong.
        ValueError: there is no leg, or a file is damaged, or its scores were made under another protocol.
    """
    title = load_section(ReportParams, "report").title
    grid = Grid.load()
    settings = {letter: _read_setting(letter) for letter in grid.settings_used}
    real = _read_record(REAL_SCORES, "reference", REAL_KEYS)
    legs, protocols = [], {}
    for leg in grid.legs():
        if _is_missing(leg):
            legs.append(LegResult(leg, [], None, {}, Losses([], [], []), {}, is_missing=True))
            continue
        result, protocols[leg] = _read_leg(leg)
        legs.append(result)
    if not protocols:
        raise ValueError(f"{SCORES} holds no leg of the {len(legs)} in params.yaml; `dvc repro` makes them")
    _refuse_mixed(real["protocol"], protocols)
    return Results(
        title=title,
        grid=grid,
        settings=settings,
        legs=legs,
        protocol=next(iter(protocols.values())),
        real=real,
        card=_read_record(EXTRACTOR / "card.json", "extractor", CARD_KEYS),
        data=_read_record(DATA_MANIFEST, "prepare", DATA_KEYS),
    )


def _read_setting(letter: str) -> dict[str, Any]:
    return dict(load_section(SettingNumbers, "settings", letter).model_extra or {})


def _read_record(path: Path, made_by: str, keys: Iterable[str]) -> dict[str, Any]:
    """Read a JSON record that must have `keys`."""
    record = read_json(path, made_by)
    missing = [key for key in keys if not isinstance(record, dict) or key not in record]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; make it anew: `dvc repro -f {made_by}`")
    return dict(record)


def _is_missing(leg: Leg) -> bool:
    """Tell whether a stage of the leg failed: DVC removes a stage's outputs before it runs it."""
    records = (TRAINING / leg.name / METRICS, SAMPLES / leg.name / MANIFEST, SCORES / leg.name / POINTS)
    return not all(record.exists() for record in records)


def _read_leg(leg: Leg) -> tuple[LegResult, dict[str, Any]]:
    scores_file = SCORES / leg.name / POINTS
    made_by = f"evaluate@{leg.name}"
    scores = _read_record(scores_file, made_by, ("diverged_at_generator_step", "protocol", "points"))
    points = _take(scores_file, made_by, lambda: [_to_point(point) for point in scores["points"]])
    training = _read_record(TRAINING / leg.name / METRICS, f"train@{leg.name}", TRAINING_KEYS)
    losses, grids = _read_losses(leg), _find_grids(leg)
    unseen = [point.generator_step for point in points if point.generator_step not in grids]
    if unseen:
        raise ValueError(
            f"{scores_file} scores generator step {unseen[0]}, which {SAMPLES / leg.name / MANIFEST} has no grid of; "
            f"make both anew: `dvc repro -f sample@{leg.name} {made_by}`"
        )
    diverged_at = scores["diverged_at_generator_step"]
    return LegResult(leg, points, diverged_at, training, losses, grids), scores["protocol"]


def _to_point(record: dict[str, Any]) -> Point:
    return Point(
        generator_step=int(record["generator_step"]),
        epoch=float(record["epoch"]),
        inception_score=float(record["inception_score"]),
        inception_score_deviation=float(record["inception_score_deviation"]),
        fid=float(record["fid"]),
        fid_low=float(record["fid_low"]),
        fid_high=float(record["fid_high"]),
        distinct_images=int(record["distinct_images"]),
    )


def _find_grids(leg: Leg) -> dict[int, Path]:
    path, made_by = SAMPLES / leg.name / MANIFEST, f"sample@{leg.name}"
    record = _read_record(path, made_by, ("points",))
    return _take(
        path,
        made_by,
        lambda: {
            int(point["generator_step"]): SAMPLES / leg.name / point["grid"] for point in record["points"]
        },
    )


def _read_losses(leg: Leg) -> Losses:
    path, made_by = TRAINING / leg.name / LOSS_CURVES, f"train@{leg.name}"
    if not path.exists():
        raise ValueError(f"{path} is missing; make it with `dvc repro {made_by}`")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return _take(
        path,
        made_by,
        lambda: Losses(
            [int(row["generator_step"]) for row in rows],
            [_number(row["discriminator_loss"]) for row in rows],
            [_number(row["generator_loss"]) for row in rows],
        ),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _take(path: Path, made_by: str, make: Callable[[], Result]) -> Result:
    """Make something of a file's content; an entry that is missing or of another type is the file's fault."""
    try:
        return make()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); make it anew: `dvc repro -f {made_by}`") from None


def _refuse_mixed(real: dict[str, Any], protocols: dict[Leg, dict[str, Any]]) -> None:
    """Refuse scores of different extractors or protocols: they must never share a table."""
    first_leg, first = next(iter(protocols.items()))
    first_file = str(SCORES / first_leg.name / POINTS)
    for leg, protocol in protocols.items():
        cure = f"score both alike: `dvc repro evaluate@{first_leg.name} evaluate@{leg.name}`"
        refuse_unlike(first, protocol, (first_file, str(SCORES / leg.name / POINTS)), cure)
    # There may be fewer real images than generated ones; the row of real data says how many.
    refuse_unlike(first, real, (first_file, str(REAL_SCORES)), "score all alike: `dvc repro`", ignored=COUNTS)
