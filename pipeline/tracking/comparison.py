"""Create the run of a whole comparison, with its table, figures and report; the trials' runs are its children."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from pipeline.tracking.commit import describe_commit
from pipeline.tracking.dataset import DATASET_TAG, read_manifest
from pipeline.tracking.descriptions import write_description
from pipeline.tracking.dvc_experiment import describe_dvc_experiment, is_copy
from pipeline.tracking.files import list_files
from pipeline.tracking.lineage import Lock, hash_content
from pipeline.tracking.links import BEST_TRIALS, find_address, link_run, link_view
from pipeline.tracking.results import LEADING_SCORES, MetricValue, RunContent
from pipeline.tracking.run_data import log_folder, log_params, log_values, set_tags
from pipeline.tracking.runs import (
    COMPLETE,
    CONTENT_KEY,
    FINISHED,
    YES,
    claim_run,
    end_run,
    find_or_create_run,
    list_runs,
    supersede_runs,
)
from pipeline.tracking.store import Store
from pipeline.tracking.ui import PAGE
from stages.common.artifacts import REPORT, read_json

TABLE = "table1.json"
REPORT_HASH = "report_md5"
KIND = "comparison"
# The logged copy of this page has other links, so its size differs from that of the file on disk.
PAGE_OF_REPORT = "index.html"


def open_comparison(
    store: Store, experiment_id: str, results: list[RunContent], lock: Lock, notes: list[str]
) -> Run:
    """Find or create the run of a comparison; comparisons of equal trials with equal content share one run.

    `lock` has the stages of dvc.lock. A line is added to `notes` if the run had been deleted.
    """

    def find_without_key() -> Run | None:
        for run in list_runs(store, experiment_id, kind=KIND):
            if CONTENT_KEY not in run.data.tags and run.data.tags.get(REPORT_HASH) == _hash_report(lock):
                return run
        return None

    tags = _identify(results)
    return find_or_create_run(store, experiment_id, KIND, tags, notes, find_without_key=find_without_key)


def fill_comparison(
    store: Store,
    run: Run,
    results: list[RunContent],
    runs: dict[str, Run],
    lock: Lock,
    notes: list[str],
) -> None:
    """Log the report's table, figures and pages to the comparison's run, unless it has them already.

    Args:
        store: the store of the run.
        run: the run of the comparison.
        results: the results of the trials.
        runs: the runs of the trials and entries, by name; the logged report links to them.
        lock: the stages of dvc.lock.
        notes: a list to which a line is added for each change by a person that was repaired or kept.
    """
    tags = _identify(results)
    is_complete = run.data.tags.get(COMPLETE) == YES and run.data.tags.get(REPORT_HASH) == _hash_report(lock)
    if not is_complete or not _has_all_files(store, run):
        claim_run(store, run)
        log_params(store, run, _list_shared_params(results))
        report = read_json(REPORT / "results.json", "report")
        _log_table(store, run, [*report["table1"], *report["entries"]["rows"]])
        _log_report(store, run, runs)
        tags |= write_description(describe_comparison(report), run.data.tags, f"the run {KIND}", notes)
        tags |= {
            DATASET_TAG: read_manifest()["sha256"],
            REPORT_HASH: _hash_report(lock),
            COMPLETE: YES,
            "mlflow.source.name": "dvc repro",
            "mlflow.source.type": "LOCAL",
        }
        end_run(store, run, FINISHED)
        if is_complete:
            notes.append(f"logged the files of the run {KIND} again, because some were missing or incomplete")
        else:
            tags |= describe_commit()
    elif run.info.status != FINISHED:
        end_run(store, run, FINISHED, run.info.end_time)
        notes.append(f"the run {KIND} was {run.info.status}, and is {FINISHED} again")
    log_values(
        store, run, [value for value in list_best_scores(results) if value.key not in run.data.metrics]
    )
    if is_complete and tags.items() - run.data.tags.items():
        notes.append(f"restored tags of the run {KIND}")
    set_tags(store, run, tags | describe_dvc_experiment())
    if not is_copy():
        supersede_runs(store, list_runs(store, run.info.experiment_id, kind=KIND), by=run)


def list_best_scores(results: list[RunContent]) -> Iterator[MetricValue]:
    """List the best scores of all trials (such as `best_fid`) and of each GAN (such as `best_fid/sngan`)."""
    for score, choose in (("best_fid", min), ("best_inception_score", max)):
        found = [(result.trial.gan, result.best[score]) for result in results if score in result.best]
        if found:
            yield MetricValue(score, choose(value for _, value in found), 0, 0.0)
        for gan in dict.fromkeys(gan for gan, _ in found):
            best = choose(value for owner, value in found if owner == gan)
            yield MetricValue(f"{score}/{gan}", best, 0, 0.0)


def _identify(results: list[RunContent]) -> dict[str, str]:
    """Return the tags that identify the run of a comparison: its kind, and a hash of its trials' content."""
    key = hash_content({result.trial.name: result.lineage.key for result in results})
    return {"kind": KIND, CONTENT_KEY: key}


def _hash_report(lock: Lock) -> str:
    return next((out["md5"] for out in lock["report"]["outs"] if out["path"] == str(REPORT)), "")


def _has_all_files(store: Store, run: Run) -> bool:
    """Tell whether the run has the table, and every file of the report with the right size."""
    found = list_files(store, run.info.artifact_uri)
    for file in REPORT.rglob("*"):
        size = found.get(f"{REPORT.name}/{file.relative_to(REPORT).as_posix()}")
        is_same = size is not None if file.name == PAGE_OF_REPORT else size == file.stat().st_size
        if file.is_file() and not is_same:
            return False
    return TABLE in found


def describe_comparison(report: dict[str, Any]) -> str:
    """Write the comparison's description in Markdown: the report's answer, and a narrow table of all scores.

    MLflow shows the description above the metrics, so it is short. Table 1 with intervals and ranks is an artifact.
    """
    metrics = [report["metrics"][key] for key in LEADING_SCORES if key in report["metrics"]]
    columns = ["", *(metric["short"] for metric in metrics)]
    rows = [
        [row["name"], *(_format_score(row[metric["key"]], metric["digits"]) for metric in metrics)]
        for row in [*report["table1"], *(_escape_name(row) for row in report["entries"]["rows"])]
    ]
    table = [f"| {' | '.join(cells)} |" for cells in (columns, ["---", *["---:"] * len(metrics)], *rows)]
    lines = [
        report["answer"],
        "",
        *table,
        "",
        f"Intervals and ranks: `{TABLE}`; the whole page: `report/{PAGE_OF_REPORT}`, both among the artifacts.",
    ]
    return "\n".join(lines)


def _escape_name(row: dict[str, Any]) -> dict[str, Any]:
    """Escape what Markdown would read as markup in the name that somebody gave."""
    return row | {"name": re.sub(r"([\\`*_{}\[\]<>#|&~])", r"\\\1", row["name"])}


def _format_score(score: float | None, digits: int) -> str:
    return "–" if score is None else f"{score:.{digits}f}"


def _list_shared_params(results: list[RunContent]) -> dict[str, str]:
    """List the params that have the same value in all trials."""
    first, *others = [result.params for result in results]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _log_table(store: Store, run: Run, rows: list[dict[str, Any]]) -> None:
    """Log Table 1 in the format of MLflow's log_table; log_table itself would append the rows again at each call."""
    columns = list(rows[0])
    table = {"columns": columns, "data": [[row.get(column) for column in columns] for row in rows]}
    store.client.log_dict(run.info.run_id, table, TABLE)
    set_tags(store, run, {"mlflow.loggedArtifacts": json.dumps([{"path": TABLE, "type": "table"}])})


def _log_report(store: Store, run: Run, runs: dict[str, Run]) -> None:
    """Log a copy of the report, in which links to tracking/compare.html are replaced by links to MLflow's pages."""
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / REPORT.name / PAGE_OF_REPORT
        # `copyfile` does not copy permissions: DVC may have linked the report to its cache, which is read-only.
        shutil.copytree(REPORT, page.parent, copy_function=shutil.copyfile)
        address, text = find_address(store), page.read_text(encoding="utf-8")
        for trial, trial_run in runs.items():
            text = text.replace(f'"../{PAGE}#{trial}"', f'"{address}/{link_run(trial_run)}"')
        charts = f"{address}/{link_view(run.info.experiment_id, BEST_TRIALS, charts=True)}"
        page.write_text(text.replace(f"../{PAGE}", charts), encoding="utf-8")
        log_folder(store, run, Path(name))
