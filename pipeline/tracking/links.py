"""Make links that open MLflow's pages for trained models; by default MLflow 3 opens its pages for language models."""

import json
from urllib.parse import quote

from mlflow.entities import Run

from pipeline.tracking.address import LINK_FILE, find_ui
from pipeline.tracking.store import Store
from stages.common.artifacts import write_bytes

# The keys of the saved views.
ALL_TRIALS, BEST_TRIALS, SEEDS = "trials", "best", "seeds"
TRAINING_PAGES = "workflowType=machine_learning"


def find_address(store: Store, address: str | None = None) -> str:
    """Return the UI's address: the given one, else that of MLFLOW_UI_URL, else the server's or that of `make ui`."""
    return address or find_ui(store.uri)[0]


def link_run(run: Run) -> str:
    """Return the link to a run's page, relative to the UI's address."""
    return f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?{TRAINING_PAGES}"


def link_view(experiment_id: str, view: str, charts: bool = False) -> str:
    """Return the link to a saved view's table or charts; if the view does not exist, the UI opens its default view."""
    mode = "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment_id}/runs?{TRAINING_PAGES}&viewStateShareKey={view}{mode}"


def link_comparison(experiment_id: str, run_ids: list[str]) -> str:
    """Return the link to the page that shows runs side by side."""
    runs, experiments = (quote(json.dumps(ids, separators=(",", ":"))) for ids in (run_ids, [experiment_id]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{TRAINING_PAGES}"


def write_link(experiment_id: str) -> None:
    """Write the link to the table of all trials to a file, from which `read_link` reads it without importing MLflow."""
    link = f"{link_view(experiment_id, ALL_TRIALS)}\n".encode()
    if not LINK_FILE.exists() or LINK_FILE.read_bytes() != link:
        write_bytes(LINK_FILE, link)
