"""The saved views of MLflow's UI. MLflow has no public way to make one: its UI reads them from an experiment's tags."""

from pathlib import Path
from typing import Any

import yaml

TAG_PREFIX = "mlflow.sharedViewState."
TEMPLATE = Path(__file__).with_name("saved_view.yaml")


def make_view(search_filter: str, last_step: int) -> dict[str, Any]:
    """Make a view of the runs that a filter selects, with the samples of the last generator step.

    The filter is in MLflow's search language.
    """
    view: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    view |= {"searchFilter": search_filter, "selectedColumns": list(view["columnWidths"])}
    for chart in view["compareRunCharts"]:
        if chart["type"] == "IMAGE":
            chart["step"] = last_step
    return view
