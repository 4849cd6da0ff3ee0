"""Publish a flow's results as Prefect artifacts: the report's text with its tables, and a link to MLflow."""

import os
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from pipeline.tracking.address import URI_VARIABLE, find_ui, read_link
from stages.common.artifacts import REPORT

REPORT_TEXT = REPORT / "report.md"
PAGE = REPORT / "index.html"


def publish_results(summary: str) -> None:
    """Publish the report's text with its tables, and links to the page and to MLflow; nothing if there is no report."""
    if not REPORT_TEXT.exists():
        return
    address, is_served = find_mlflow()
    # The page's path is text and not a link, because browsers follow no link from a served page to a local file.
    where = (
        f"The report with its pictures is the file `{PAGE.resolve()}` of the machine that ran this, and "
        f"`report/{PAGE.name}` among the artifacts of the run `comparison` in [MLflow]({address})"
        f"{'' if is_served else ', after `make ui`'}."
    )
    create_markdown_artifact(
        f"{summary}\n\n{where}\n\n{strip_pictures(REPORT_TEXT)}", key="report", description="The report"
    )
    create_link_artifact(
        address,
        "MLflow",
        key="mlflow",
        description="The runs in MLflow" + ("" if is_served else ", after `make ui`"),
    )


def find_mlflow() -> tuple[str, bool]:
    """Return the address of MLflow's table of all trials, and whether a server already runs there."""
    address, is_served = find_ui(os.environ.get(URI_VARIABLE, "").strip())
    return f"{address}/{read_link()}", is_served


def publish_times(times: str) -> None:
    """Publish the table that says where the wall time went."""
    create_markdown_artifact(times, key="time", description="Where the wall time went, in seconds")


def strip_pictures(path: Path) -> str:
    """Read a Markdown file without its pictures, which Prefect's pages cannot reach."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("!["))
