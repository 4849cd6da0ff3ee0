"""Make saved views of MLflow's UI, which reads them from an experiment's tags; MLflow has no public API for them."""

from pathlib import Path
from typing import Any

import yaml

TAG_PREFIX = "mlflow.sharedViewState."
TEMPLATE = Path(__file__).with_name("saved_view.yaml")
SEEDS_TEMPLATE = Path(__file__).with_name("seeds_view.yaml")


# Columns and charts with this text in their names stay empty with an extractor without classes.
INCEPTION_SCORE = "inception_score"


def make_view(search_filter: str, last_step: int, tells_classes: bool = True) -> dict[str, Any]:
    """Make a view of the runs that a filter selects.

    Args:
        search_filter: the search filter in MLflow's search language.
        last_step: the generator step whose samples are shown.
        tells_classes: whether the extractor has classes; without them there is no Inception Score to show.
    """
    view = _read(TEMPLATE)
    for chart in view["compareRunCharts"]:
        if chart["type"] == "IMAGE":
            chart["step"] = last_step
    return _fill_in(view, search_filter, tells_classes)


def make_seeds_view(search_filter: str, tells_classes: bool = True) -> dict[str, Any]:
    """Make a view of the runs that summarise seeds; see `make_view`."""
    return _fill_in(_read(TEMPLATE) | _read(SEEDS_TEMPLATE), search_filter, tells_classes)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _fill_in(view: dict[str, Any], search_filter: str, tells_classes: bool) -> dict[str, Any]:
    if not tells_classes:
        charts = [c for c in view["compareRunCharts"] if INCEPTION_SCORE not in c.get("metricKey", "")]
        widths = {name: width for name, width in view["columnWidths"].items() if INCEPTION_SCORE not in name}
        view |= {"compareRunCharts": charts, "columnWidths": widths}
    return view | {"searchFilter": search_filter, "selectedColumns": list(view["columnWidths"])}
