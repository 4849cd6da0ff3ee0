"""What one sees on arrival: the experiment's description, ready-made views of MLflow's UI, and links to them."""

import json
from typing import Any
from urllib.parse import quote

from mlflow.entities import Run

from pipeline.tracking import UI_HOST, UI_PORT
from pipeline.tracking.content import TrialContent
from pipeline.tracking.page import lay_out_page, link_run, list_trial_links
from pipeline.tracking.runs import KIND, NO, SUPERSEDED, TRIAL, YES, set_tags
from pipeline.tracking.store import FOLDER, SERVERS, Store
from stages.common.artifacts import write_bytes
from stages.common.grid import Grid

PAGE = FOLDER / "compare.html"
BEST_OF_GAN = "best_of_gan"
NOTE = "mlflow.note.content"
# The UI reads a shared view from an experiment's tag and opens it from the link.
VIEW_TAG = "mlflow.sharedViewState."
ALL_TRIALS, BEST_TRIALS = "trials", "best"
# The kind of experiment for which the UI shows no pages for language models.
EXPERIMENT_KIND = ("mlflow.experimentKind", "custom_model_development")
# Column: its width in pixels. The run's name says GAN, setting and seed.
COLUMNS = {
    "metrics.`best_fid`": 110,
    "metrics.`last_fid`": 110,
    "metrics.`best_inception_score`": 170,
    "metrics.`last_inception_score`": 170,
    "metrics.`training_seconds`": 150,
    "tags.`diverged`": 100,
    "tags.`gan`": 110,
    "tags.`setting`": 80,
    "tags.`seed`": 70,
}
# Metric, title, what lies along the x axis (a metric, or None for generator steps), section.
LINES = (
    ("fid", "FID over epochs (lower is better)", "epoch", "Scores"),
    ("inception_score", "Inception Score over epochs (higher is better)", "epoch", "Scores"),
    ("train/discriminator_loss", "Discriminator loss over generator steps", None, "Training"),
    ("train/generator_loss", "Generator loss over generator steps", None, "Training"),
    (
        "lipschitz/largest_gradient_norm_interpolated",
        "Steepest gradient of D by its input, between images",
        None,
        "Lipschitz",
    ),
    ("lipschitz/operator_norm_product", "Product of D's layers' operator norms", None, "Lipschitz"),
)
BARS = (("best_fid", "Best FID", "Scores"), ("best_inception_score", "Best Inception Score", "Scores"))
# Section: how many charts stand beside each other in it.
SECTIONS = {"Scores": 2, "Training": 2, "Lipschitz": 2, "Samples": 1}


def describe_experiment(store: Store, experiment_id: str, grid: Grid) -> None:
    """Say in the experiment's description what is compared and where to look."""
    gans, settings, seeds = (
        ", ".join(grid.gans),
        ", ".join(grid.settings_used),
        ", ".join(map(str, grid.seeds)),
    )
    lines = [
        f"**{len(grid.gans)} GANs** ({gans}) under **Adam settings** {settings}, seeds {seeds}: one run each, scored "
        "by FID (lower is better) and Inception Score (higher is better) over the training.",
        "",
        f"- [Charts of each GAN's best run]({link_view(experiment_id, BEST_TRIALS, charts=True)})",
        f"- [All runs in a table, by FID]({link_view(experiment_id, ALL_TRIALS)})",
        "",
        "The run `comparison` holds the table, the figures and the report. `tags.superseded = 'yes'` marks runs whose "
        "content has been replaced. Only scores with equal `protocol.*` params compare.",
    ]
    text = "\n".join(lines)
    _set_experiment_tag(store, experiment_id, NOTE, text)
    _set_experiment_tag(store, experiment_id, *EXPERIMENT_KIND)


def publish_views(
    store: Store,
    experiment_id: str,
    contents: list[TrialContent],
    runs: dict[str, Run],
    comparison: Run,
    base: str | None = None,
) -> None:
    """Mark each GAN's best trial, put the views into the experiment, and write the page of links.

    Args:
        store: where.
        experiment_id: of the experiment.
        contents: the comparison's trials.
        runs: their runs by trial name.
        comparison: the run of the comparison.
        base: see `find_base`.
    """
    best = choose_best(contents)
    for content in contents:
        is_best = content.trial.name in best
        set_tags(store, runs[content.trial.name], {BEST_OF_GAN: YES if is_best else NO})
    current = f"tags.{KIND} = '{TRIAL}' and tags.{SUPERSEDED} = '{NO}'"
    last_step = max((step for content in contents for step in content.pictures), default=0)
    for name, clause in ((ALL_TRIALS, ""), (BEST_TRIALS, f" and tags.{BEST_OF_GAN} = '{YES}'")):
        _set_experiment_tag(
            store, experiment_id, VIEW_TAG + name, json.dumps(_make_view(current + clause, last_step))
        )
    run_ids = [runs[name].info.run_id for name in best]
    links = {
        "Compare the best run of each GAN": link_comparison(experiment_id, run_ids),
        "Charts of the best run of each GAN: FID over epochs": link_view(
            experiment_id, BEST_TRIALS, charts=True
        ),
        "All runs in a table, by FID": link_view(experiment_id, ALL_TRIALS),
        "The comparison's run: table, figures, report": link_run(experiment_id, comparison.info.run_id),
    }
    # Asked for anew: a run's tags here are those that it had before it was completed.
    tags = {name: store.client.get_run(run.info.run_id).data.tags for name, run in runs.items()}
    page = lay_out_page(find_base(store, base), links, list_trial_links(experiment_id, contents, runs, tags))
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        write_bytes(PAGE, page.encode())


def find_base(store: Store, base: str | None = None) -> str:
    """Return the address of the UI: the one given, or the server's own, or where `make ui` serves."""
    return (base or (store.uri if store.uri.startswith(SERVERS) else f"http://{UI_HOST}:{UI_PORT}")).rstrip(
        "/"
    )


def choose_best(contents: list[TrialContent]) -> list[str]:
    """Name the trial with the lowest FID of each GAN, in the grid's order; a GAN without a score has none."""
    best: dict[str, TrialContent] = {}
    for content in contents:
        fid = content.best.get("best_fid")
        former = best.get(content.trial.gan)
        if fid is not None and (former is None or fid < former.best["best_fid"]):
            best[content.trial.gan] = content
    return [content.trial.name for content in best.values()]


def link_view(experiment_id: str, view: str, charts: bool = False) -> str:
    """Link to a view of the run table, or of the charts."""
    mode = "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={view}{mode}"


def link_comparison(experiment_id: str, run_ids: list[str]) -> str:
    """Link to the page that compares runs side by side."""
    runs, experiments = (quote(json.dumps(ids, separators=(",", ":"))) for ids in (run_ids, [experiment_id]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}"


def _set_experiment_tag(store: Store, experiment_id: str, key: str, value: str) -> None:
    if store.client.get_experiment(experiment_id).tags.get(key) != value:
        store.client.set_experiment_tag(experiment_id, key, value)


def _make_view(search_filter: str, last_step: int) -> dict[str, Any]:
    """Make the state that the UI would save of a view set up by hand."""
    return {
        "searchFilter": search_filter,
        "orderByKey": "metrics.`best_fid`",
        "orderByAsc": True,
        "lifecycleFilter": "Active",
        "startTime": "ALL",
        "selectedColumns": list(COLUMNS),
        "columnWidths": COLUMNS,
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": _make_charts(last_step),
        "compareRunSections": [
            {
                "uuid": section,
                "name": section,
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
                "columns": columns,
                "cardHeight": 420,
            }
            for section, columns in SECTIONS.items()
        ],
        "isAccordionReordered": True,
        "autoRefreshEnabled": True,
    }


def _make_charts(last_step: int) -> list[dict[str, Any]]:
    shared = {"deleted": False, "isGenerated": False, "runsCountToCompare": 20}
    charts: list[dict[str, Any]] = []
    for metric, title, x_metric, section in LINES:
        along = (
            {"xAxisKey": "metric", "selectedXAxisMetricKey": x_metric} if x_metric else {"xAxisKey": "step"}
        )
        line = {
            "type": "LINE",
            "metricKey": metric,
            "selectedMetricKeys": [metric],
            "useGlobalXaxisKey": False,
        }
        scale = {
            "scaleType": "linear",
            "xAxisScaleType": "linear",
            "lineSmoothness": 0,
            "range": {},
            "yAxisKey": "metric",
        }
        charts.append({**shared, **line, **along, **scale, "displayName": title, "metricSectionId": section})
    for metric, title, section in BARS:
        charts.append(
            {**shared, "type": "BAR", "metricKey": metric, "displayName": title, "metricSectionId": section}
        )
    charts.append(
        {
            **shared,
            "type": "IMAGE",
            "imageKeys": ["samples"],
            "step": last_step,
            "displayName": "Samples",
            "metricSectionId": "Samples",
        }
    )
    return [{**chart, "uuid": f"chart-{number}"} for number, chart in enumerate(charts)]
