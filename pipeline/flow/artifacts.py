"""What a flow leaves on Prefect's pages: the table, links to the report and to MLflow."""

import os
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from pipeline.tracking import UI_HOST, UI_PORT, UI_URL
from stages.common.artifacts import REPORT

REPORT_TEXT = REPORT / "report.md"
PAGE = REPORT / "index.html"


def publish_results(summary: str) -> None:
    """Publish the report's text with its tables, and where to see more; nothing of it where there is no report."""
    if not REPORT_TEXT.exists():
        return
    create_markdown_artifact(
        f"{summary}\n\n{strip_pictures(REPORT_TEXT)}", key="table", description="Table 1"
    )
    create_link_artifact(
        PAGE.resolve().as_uri(),
        "report/index.html",
        key="report",
        description=f"The report: {PAGE.resolve()}",
    )
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    is_served = server.startswith("http")
    create_link_artifact(
        os.environ.get(UI_URL) or (server if is_served else f"http://{UI_HOST}:{UI_PORT}"),
        "MLflow",
        key="mlflow",
        description="The runs in MLflow" + ("" if is_served else ", after `make ui`"),
    )


def publish_times(times: str) -> None:
    """Publish a table of where the time went."""
    create_markdown_artifact(times, key="time", description="Where the wall time went, in seconds")


def strip_pictures(path: Path) -> str:
    """Read a Markdown file without its pictures, which Prefect's pages cannot reach."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("!["))
