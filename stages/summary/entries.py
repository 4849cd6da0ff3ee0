"""Read the scores of entries, samples or generators of somebody else, and sum up each of their files as a trial is."""

from typing import Any, NamedTuple

from stages.common.artifacts import POINTS, entry_folder, explain_read_errors, read_json
from stages.common.params import read_params
from stages.summary.trials import LAST_SCORES, OF_CURVES, shorten_numbers


class EntryRecord(NamedTuple):
    """The scores of one file of an entry, which is a seed.

    Attributes:
        name: `entry-` and the entry's key in params.yaml, which stands where a trial has its GAN.
        seed: the place of the file among the entry's.
        scores: the file's scores; the Inception Score is None where the extractor tells no classes apart.
    """

    name: str
    seed: int
    scores: dict[str, Any]


def read_entries() -> list[EntryRecord]:
    """Read every file's scores, in the order of params.yaml; entries without results are left out, as trials are.

    Raises:
        InputError: a file is damaged.
    """
    return [record for name in read_params()["entries"] for record in _read_entry(str(name))]


def _read_entry(name: str) -> list[EntryRecord]:
    folder, made_by = entry_folder(name), f"entry@{name}"
    if not (folder / POINTS).exists():
        return []
    with explain_read_errors(folder / POINTS, made_by, KeyError, TypeError):
        points = read_json(folder / POINTS, made_by)["points"]
        return [
            EntryRecord(folder.name, point["seed"], {**point, **{key: point[key] for key in OF_CURVES}})
            for point in points
        ]


def summarise_entry(record: EntryRecord) -> dict[str, float | int]:
    """Return the numbers that stand for a file, by the names of a trial's; it has one point and no losses."""
    numbers = {"best_fid": record.scores["fid"]}
    return shorten_numbers(numbers | {name: record.scores.get(key) for name, key in LAST_SCORES.items()})
