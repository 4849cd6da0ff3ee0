"""Read the scores of entries: samples or generators of somebody else, beside the GANs under the same protocol."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import POINTS, entry_folder, grid_name
from stages.common.params import load_section, read_params
from stages.report.params import EntryTitle
from stages.report.results.neighbours import EntryNeighbours, read_entry_neighbours
from stages.report.results.records import parse_content, read_record
from stages.report.statistics.metrics import Metric

KEYS = ("protocol", "points")


class EntryPoint(NamedTuple):
    """The scores of one file of an entry; each file counts as a seed.

    Attributes:
        seed: the index of the file in the entry's list.
        sha256: the SHA-256 of the file's content, or of the names and contents of a folder's files.
        inception_score: mean over the splits of the images; None where the extractor tells no classes apart.
        fid: the FID of the images.
        fid_low: lower end of the FID's 95 % interval over draws of images.
        fid_high: upper end of that interval.
        distinct_images: the number of distinct images.
        grid: the picture of the first images.
        neighbours: how near the first images are to training images; None where this was not measured.
    """

    seed: int
    sha256: str
    inception_score: float | None
    fid: float
    fid_low: float
    fid_high: float
    distinct_images: int
    grid: Path
    neighbours: EntryNeighbours | None


class EntryResult(NamedTuple):
    """All results of an entry.

    Attributes:
        name: the key of the entry in params.yaml.
        title: the name of the entry for readers.
        points: the scores of each file; empty if the stage of the entry failed or was not run.
        protocol: the protocol of the scores.
        md5_by_path: MD5 of the file that the scores are read from, by which DVC's cache and dvc.lock name it.
    """

    name: str
    title: str
    points: list[EntryPoint]
    protocol: dict[str, Any]
    md5_by_path: dict[str, str]

    @property
    def row_name(self) -> str:
        """What stands where a row has its GAN: `entry-` and the name; no GAN has such a name."""
        return f"entry-{self.name}"

    @property
    def best(self) -> EntryPoint:
        """The file with the best FID, which pictures are of, as those of trials are; of an entry with results alone."""
        return min(self.points, key=lambda point: point.fid)

    def values_of(self, metric: Metric) -> list[float]:
        """Return a score of every seed."""
        return [float(getattr(point, metric.key)) for point in self.points]


def read_entries(tells_classes: bool) -> list[EntryResult]:
    """Read all entries in the order of params.yaml.

    Args:
        tells_classes: whether the extractor tells classes apart, so that every file must have an Inception Score.

    Raises:
        ParamsError: params.yaml is wrong.
        InputError: a file is damaged.
    """
    return [_read_entry(str(name), tells_classes) for name in read_params()["entries"]]


def _read_entry(name: str, tells_classes: bool) -> EntryResult:
    title = load_section(EntryTitle, "entries", name).title
    path, made_by = entry_folder(name) / POINTS, f"entry@{name}"
    if not path.exists():
        return EntryResult(name, title, [], {}, {})
    record, neighbours = read_record(path, made_by, KEYS), read_entry_neighbours(name)
    points = parse_content(
        path,
        made_by,
        lambda: [_parse_point(point, tells_classes, path.parent, neighbours) for point in record["points"]],
    )
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return EntryResult(name, title, points, record["protocol"], {str(path): md5})


def _parse_point(
    record: dict[str, Any], tells_classes: bool, folder: Path, neighbours: dict[int, EntryNeighbours]
) -> EntryPoint:
    return EntryPoint(
        seed=int(record["seed"]),
        sha256=str(record["sha256"]),
        inception_score=float(record["inception_score"]) if tells_classes else None,
        fid=float(record["fid"]),
        fid_low=float(record["fid_low"]),
        fid_high=float(record["fid_high"]),
        distinct_images=int(record["distinct_images"]),
        grid=folder / "grids" / grid_name(int(record["seed"])),
        neighbours=neighbours.get(int(record["seed"])),
    )
