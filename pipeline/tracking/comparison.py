"""The run of a whole comparison, with the table, the figures and the report; its trials are its children."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from pipeline.tracking.content import TrialContent
from pipeline.tracking.lineage import Lock, describe_commit, hash_content
from pipeline.tracking.live import FINISHED, FOLLOWER, claim, end_run, name_follower
from pipeline.tracking.page import link_run
from pipeline.tracking.runs import (
    COMPARISON,
    COMPLETE,
    CONTENT_KEY,
    KIND,
    YES,
    create_run,
    list_runs,
    log_params,
    now_milliseconds,
    set_tags,
    supersede,
)
from pipeline.tracking.store import Store
from pipeline.tracking.views import BEST_TRIALS, NOTE, PAGE, find_base, link_view
from stages.common.artifacts import REPORT, read_json

TABLE = "table1.json"
REPORT_HASH = "report_md5"


def open_comparison(store: Store, experiment_id: str, contents: list[TrialContent]) -> Run:
    """Find or make the run of a comparison: of the same trials with the same content there is one."""
    key = hash_content({content.trial.name: content.lineage.key for content in contents})
    for run in list_runs(store, experiment_id, **{KIND: COMPARISON, CONTENT_KEY: key}):
        return run
    tags = {KIND: COMPARISON, CONTENT_KEY: key, FOLLOWER: name_follower()}
    return create_run(store, experiment_id, "comparison", tags, now_milliseconds())


def fill_comparison(
    store: Store, experiment_id: str, run: Run, contents: list[TrialContent], runs: dict[str, Run], lock: Lock
) -> None:
    """Log the report's table, figures and pages to the comparison's run, when it has not these already.

    Args:
        store: where.
        experiment_id: of the experiment.
        run: of the comparison.
        contents: the comparison's trials.
        runs: their runs by trial name, which the report's copy links to.
        lock: what dvc.lock holds.
    """
    report_hash = next((out["md5"] for out in lock["report"]["outs"] if out["path"] == str(REPORT)), "")
    if run.data.tags.get(COMPLETE) != YES or run.data.tags.get(REPORT_HASH) != report_hash:
        claim(store, run)
        log_params(store, run, _list_shared_params(contents))
        results = read_json(REPORT / "results.json", "report")
        _log_table(store, run, results["table1"])
        _log_report(store, run, runs)
        tags = describe_commit() | {
            NOTE: describe_comparison(results),
            REPORT_HASH: report_hash,
            COMPLETE: YES,
            "mlflow.source.name": "dvc repro",
            "mlflow.source.type": "LOCAL",
        }
        set_tags(store, run, tags)
        end_run(store, run, FINISHED)
    supersede(store, list_runs(store, experiment_id, **{KIND: COMPARISON}), by=run)


def describe_comparison(results: dict[str, Any]) -> str:
    """Write Table 1 as Markdown, with what its scores were made with."""
    rows = ["| | IS best | at | FID best | at |", "|---|---:|---|---:|---|"]
    for row in results["table1"]:
        cells = [row["name"]]
        for metric, digits in (("inception_score", 2), ("fid", 1)):
            value = row[metric]
            cells.append("–" if value is None else f"{value:.{digits}f}")
            setting, step = row.get(f"{metric}_setting"), row.get(f"{metric}_generator_step")
            cells.append(f"{setting}, step {step}" if setting else "")
        rows.append("| " + " | ".join(cells) + " |")
    protocol = ", ".join(f"{key} {value}" for key, value in results["protocol"].items())
    return "\n".join(
        [*rows, "", f"Scores made with: {protocol}.", "", "The whole report: artifact `report/index.html`."]
    )


def _list_shared_params(contents: list[TrialContent]) -> dict[str, str]:
    """List the params that all trials have alike."""
    first, *others = [content.params for content in contents]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _log_table(store: Store, run: Run, rows: list[dict[str, Any]]) -> None:
    """Log Table 1 as MLflow's own tables are kept. Its log_table would add the rows again at each call."""
    columns = list(rows[0])
    table = {"columns": columns, "data": [[row.get(column) for column in columns] for row in rows]}
    store.client.log_dict(run.info.run_id, table, TABLE)
    set_tags(store, run, {"mlflow.loggedArtifacts": json.dumps([{"path": TABLE, "type": "table"}])})


def _log_report(store: Store, run: Run, runs: dict[str, Run]) -> None:
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report"
        shutil.copytree(REPORT, report)
        # The page of links lies beside the repository's report, not beside this copy.
        page = report / "index.html"
        base, experiment_id = find_base(store), run.info.experiment_id
        text = page.read_text(encoding="utf-8")
        for trial, own in runs.items():
            text = text.replace(
                f'"../{PAGE}#{trial}"', f'"{base}/{link_run(experiment_id, own.info.run_id)}"'
            )
        link = f"{base}/{link_view(experiment_id, BEST_TRIALS, charts=True)}"
        page.write_text(text.replace(f"../{PAGE}", link), encoding="utf-8")
        store.client.log_artifacts(run.info.run_id, name)
