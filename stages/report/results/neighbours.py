"""Read the distances of samples to their nearest training images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import NEIGHBOURS, NEIGHBOURS_RECORD, entry_folder
from stages.report.results.records import parse_content, read_record

KEYS = ("sample_count", "held_out_count", "train_count", "suspicious_quantile", "trials")


@dataclass(frozen=True)
class NearestDistances:
    """Distances of a trial's samples to their nearest training images, in one space.

    Attributes:
        median: the median over the samples.
        held_out_median: the median distance of real images of the test split.
        suspicious_share: the share of samples that are nearer than the `suspicious_quantile` of the held-out images.
    """

    median: float
    held_out_median: float
    suspicious_share: float


@dataclass(frozen=True)
class TrialDistances:
    """Distances of a trial's samples by pixels (root mean square, on the scale 0..255) and by features (Euclidean)."""

    pixels: NearestDistances
    features: NearestDistances


@dataclass(frozen=True)
class Neighbours:
    """The measurements of the stage neighbours.

    Attributes:
        sample_count: the number of generated images of each trial's last snapshot.
        held_out_count: the number of images of the test split.
        train_count: the number of training images that are searched.
        suspicious_quantile: the quantile of the held-out images' distances below which a sample is suspicious.
        trials: distances by trial name.
    """

    sample_count: int
    held_out_count: int
    train_count: int
    suspicious_quantile: float
    trials: dict[str, TrialDistances]

    @property
    def most_suspicious(self) -> str:
        """The name of the trial with the largest share of suspicious samples by features, the first of equal ones."""
        return max(self.trials, key=lambda name: self.trials[name].features.suspicious_share)


def read_neighbours() -> Neighbours:
    """Read results/neighbours.

    Raises:
        InputError: the record is missing or damaged.
    """
    path = NEIGHBOURS / NEIGHBOURS_RECORD
    record = read_record(path, "neighbours", KEYS)
    return parse_content(
        path,
        "neighbours",
        lambda: Neighbours(
            sample_count=int(record["sample_count"]),
            held_out_count=int(record["held_out_count"]),
            train_count=int(record["train_count"]),
            suspicious_quantile=float(record["suspicious_quantile"]),
            trials={name: _parse_spaces(spaces) for name, spaces in record["trials"].items()},
        ),
    )


class EntryNeighbours(NamedTuple):
    """How near the images of one file of an entry are to training images, and the picture that shows it."""

    distances: TrialDistances
    picture: Path


def read_entry_neighbours(name: str) -> dict[int, EntryNeighbours]:
    """Read what an entry's neighbours are, by seed; nothing where their stage failed or was not run.

    Raises:
        InputError: the record is damaged.
    """
    folder, made_by = entry_folder(name) / NEIGHBOURS.name, f"entry_neighbours@{name}"
    path = folder / NEIGHBOURS_RECORD
    if not path.exists():
        return {}
    record = read_record(path, made_by, ("seeds",))
    return parse_content(
        path,
        made_by,
        lambda: {
            int(key.removeprefix("seed_")): EntryNeighbours(_parse_spaces(found), folder / found["picture"])
            for key, found in record["seeds"].items()
        },
    )


def _parse_spaces(spaces: dict[str, Any]) -> TrialDistances:
    return TrialDistances(_parse_distances(spaces["pixels"]), _parse_distances(spaces["features"]))


def _parse_distances(record: dict[str, Any]) -> NearestDistances:
    return NearestDistances(
        float(record["median_distance"]),
        float(record["held_out_median_distance"]),
        float(record["suspicious_share"]),
    )
