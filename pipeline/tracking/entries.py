"""Create or update the runs of entries: generators or samples of other people that the comparison scores, too."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from mlflow.entities import Metric, Run

from pipeline.tracking.commit import describe_commit
from pipeline.tracking.files import log_missing_files
from pipeline.tracking.lineage import Lock, hash_content, hash_output
from pipeline.tracking.results import LEADING_SCORES, MetricValue, flatten
from pipeline.tracking.run_data import log_params, log_values, set_tags
from pipeline.tracking.runs import (
    COMPLETE,
    CONTENT_KEY,
    FINISHED,
    SUPERSEDED,
    YES,
    claim_run,
    end_run,
    find_or_create_run,
    list_runs,
    supersede_runs,
)
from pipeline.tracking.store import Store
from stages.common.artifacts import POINTS, entry_folder, grid_name, read_json
from stages.common.params import read_params

KIND = "entry"
# The keys of a point that are not scores.
OTHERS = ("seed", "sha256", "caveat")


class EntryRun(NamedTuple):
    """An entry with its run.

    Attributes:
        name: `entry-` and the entry's key in params.yaml, which is the run's name.
        record: the content of its points.json.
        run: the run, with the tags and metrics that it had before this sync.
    """

    name: str
    record: dict[str, Any]
    run: Run

    @property
    def best(self) -> dict[str, Any]:
        """The scores of the file with the lowest FID."""
        points: list[dict[str, Any]] = self.record["points"]
        return min(points, key=lambda point: float(point["fid"]))

    @property
    def grid(self) -> Path:
        """The picture of images of that file."""
        return entry_folder(self.record["entry"]) / "grids" / grid_name(self.best["seed"])


def sync_entries(store: Store, experiment_id: str, lock: Lock, notes: list[str]) -> list[EntryRun]:
    """Create or complete the run of every entry whose scores on disk are those in dvc.lock.

    An entry's run has one value of each score for each of the entry's files; the step of a value is the file's index.
    The run also has the best values over the files, by the names of trials' best scores. A tag has the SHA-256 of each
    file's content, which is all that is known of the lineage. The run of an entry that was removed from params.yaml is
    tagged as superseded, until the entry is there again.

    Args:
        store: the store of the runs.
        experiment_id: the id of the experiment of the runs.
        lock: the stages of dvc.lock.
        notes: a list to which a line is added if a run was restored.

    Returns:
        The entries that have a run, in the order of params.yaml.
    """
    runs, names = [], read_params().get("entries") or {}
    for name in names:
        path, entry = entry_folder(name) / POINTS, lock.get(f"entry@{name}")
        outs = {out["path"]: out.get("md5") for out in (entry or {}).get("outs", [])}
        if path.exists() and outs.get(str(path)) == hash_output(path):
            runs.append(_sync_entry(store, experiment_id, read_json(path, f"entry@{name}"), notes))
    _supersede_removed(store, list_runs(store, experiment_id, kind=KIND), set(names))
    return runs


def _supersede_removed(store: Store, runs: Iterable[Run], names: set[str]) -> None:
    """Tag the runs of entries that are no longer in params.yaml as superseded, by no other run."""
    for run in runs:
        if run.data.tags.get("entry") not in names and run.data.tags.get(SUPERSEDED) != YES:
            set_tags(store, run, {SUPERSEDED: YES})


def _sync_entry(store: Store, experiment_id: str, record: dict[str, Any], notes: list[str]) -> EntryRun:
    name = record["entry"]
    identity = {"kind": KIND, "entry": name, CONTENT_KEY: hash_content(record)}
    run = find_or_create_run(store, experiment_id, f"entry-{name}", identity, notes, {"entry": name})
    if run.data.tags.get(COMPLETE) != YES:
        claim_run(store, run)
        set_tags(store, run, identity | _make_tags(record) | describe_commit())
        options = flatten(read_params()["entries"][name], "entries")
        log_params(store, run, {"entry": name} | options | flatten(record["protocol"], "protocol"))
        values = [
            Metric(key, float(value), run.info.start_time, point["seed"])
            for point in record["points"]
            for key, value in point.items()
            if key not in OTHERS and value is not None
        ]
        store.client.log_batch(run.info.run_id, metrics=values)
        grids = sorted((entry_folder(name) / "grids").iterdir())
        log_missing_files(store, run, {f"grids/{grid.name}": grid for grid in grids})
        end_run(store, run, FINISHED)
        # The run is marked as complete last, so that an interrupted call is repeated.
        set_tags(store, run, {COMPLETE: YES})
    log_values(store, run, [value for value in _list_best(record) if value.key not in run.data.metrics])
    supersede_runs(store, list_runs(store, experiment_id, kind=KIND, entry=name), by=run)
    return EntryRun(f"entry-{name}", record, run)


def _list_best(record: dict[str, Any]) -> list[MetricValue]:
    """List the best value of each leading score over the files; none of a score that the extractor does not give."""
    found = {
        score: [point[score] for point in record["points"] if point[score] is not None]
        for score in LEADING_SCORES
    }
    return [
        MetricValue(f"best_{score}", float(min(values) if score == "fid" else max(values)), 0, 0.0)
        for score, values in found.items()
        if values
    ]


def _make_tags(record: dict[str, Any]) -> dict[str, str]:
    checksums = [point["sha256"] for point in record["points"]]
    caveats = sorted({point["caveat"] for point in record["points"] if "caveat" in point})
    return {
        **({"caveat": "; ".join(caveats)} if caveats else {}),
        "title": record["title"],
        "sha256": json.dumps(checksums),
        "mlflow.source.name": f"dvc repro entry@{record['entry']}",
        "mlflow.source.type": "LOCAL",
    }
