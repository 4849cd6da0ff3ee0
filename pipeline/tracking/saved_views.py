"""The saved views of MLflow's UI. MLflow has no public way to make one: its UI reads them from an experiment's tags."""

from pathlib import Path
from typing import Any

import yaml

TAG_PREFIX = "mlflow.sharedViewState."
TEMPLATE = Path(__file__).with_name("saved_view.yaml")
SEEDS_TEMPLATE = Path(__file__).with_name("seeds_view.yaml")


def make_view(search_filter: str, last_step: int) -> dict[str, Any]:
    """Make a view of the runs that a filter selects, with the samples of the last generator step.

    The filter is in MLflow's search language.
    """
    view = _read(TEMPLATE)
    for chart in view["compareRunCharts"]:
        if chart["type"] == "IMAGE":
            chart["step"] = last_step
    return _fill_in(view, search_filter)


def make_seeds_view(search_filter: str) -> dict[str, Any]:
    """Make a view of the runs that summarise seeds; see `make_view`."""
    return _fill_in(_read(TEMPLATE) | _read(SEEDS_TEMPLATE), search_filter)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _fill_in(view: dict[str, Any], search_filter: str) -> dict[str, Any]:
    return view | {"searchFilter": search_filter, "selectedColumns": list(view["columnWidths"])}
