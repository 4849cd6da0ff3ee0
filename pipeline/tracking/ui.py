"""Show the comparison in MLflow's UI: write the experiment's description, saved views, and a page of links.

The page is tracking/compare.html.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mlflow.entities import Run

from pipeline.tracking.address import FOLDER
from pipeline.tracking.dataset import DATASET_TAG, read_manifest
from pipeline.tracking.descriptions import write_description
from pipeline.tracking.entries import EntryRun
from pipeline.tracking.links import (
    ALL_TRIALS,
    BEST_TRIALS,
    SEEDS,
    find_address,
    link_comparison,
    link_run,
    link_view,
)
from pipeline.tracking.mlflow_version import is_verified_version
from pipeline.tracking.results import RunContent
from pipeline.tracking.run_data import set_tags
from pipeline.tracking.runs import NO, SUPERSEDED, YES
from pipeline.tracking.saved_views import TAG_PREFIX, make_seeds_view, make_view
from pipeline.tracking.store import Store
from stages.common.artifacts import write_bytes
from stages.common.grid import Grid

PAGE = FOLDER / "compare.html"
TEMPLATE = "compare.html.jinja"
BEST_OF_GAN = "best_of_gan"
# For an experiment of this kind, the UI does not show its pages for language models.
EXPERIMENT_KIND = ("mlflow.experimentKind", "custom_model_development")


def describe_experiment(store: Store, experiment_id: str, grid: Grid, notes: list[str]) -> None:
    """Set the experiment's description, with what is compared and links; a description that a person edited is kept."""
    gans, settings = ", ".join(grid.gans), ", ".join(grid.settings_used)
    seeds = ", ".join(map(str, grid.seeds))
    # The UI shows only the first line of a long description.
    lines = [
        f"[All runs by FID]({link_view(experiment_id, ALL_TRIALS)}) | "
        f"[Charts of each GAN's best run]({link_view(experiment_id, BEST_TRIALS, charts=True)})"
        + (
            f" | [Mean and deviation over seeds]({link_view(experiment_id, SEEDS)})"
            if len(grid.seeds) > 1
            else ""
        ),
        "",
        f"**{len(grid.gans)} GANs** ({gans}) under **Adam settings** {settings}, seeds {seeds}: one run each, scored "
        "over the training by FID (lower is better) and, where the extractor tells classes apart, Inception Score "
        "(higher is better).",
        "",
        "The run `comparison` holds the table, the figures and the report. `tags.superseded = 'yes'` marks runs whose "
        "content has been replaced. Only scores with equal `protocol.*` params compare.",
    ]
    present = store.client.get_experiment(experiment_id).tags
    for key, value in write_description("\n".join(lines), present, "the experiment", notes).items():
        _set_experiment_tag(store, experiment_id, key, value)
    _set_experiment_tag(store, experiment_id, *EXPERIMENT_KIND)
    _set_experiment_tag(store, experiment_id, DATASET_TAG, read_manifest()["sha256"])


def publish_comparison(
    store: Store,
    experiment_id: str,
    results: list[RunContent],
    runs: dict[str, Run],
    entries: list[EntryRun],
    comparison: Run,
    address: str | None = None,
) -> None:
    """Tag each GAN's best trial and every entry, save the views, and write the page of links.

    `runs` has the trials' runs by trial name, `comparison` is their parent run, and `find_address` explains `address`.
    """
    best = choose_best_trials(results)
    for name, run in runs.items():
        set_tags(store, run, {BEST_OF_GAN: YES if name in best else NO})
    for entry in entries:
        set_tags(store, entry.run, {BEST_OF_GAN: YES})
    if is_verified_version():
        _save_views(store, experiment_id, results, has_entries=bool(entries))
    links = {
        "All runs in a table, by FID": link_view(experiment_id, ALL_TRIALS),
        "Charts of the best run of each GAN: FID over epochs": link_view(
            experiment_id, BEST_TRIALS, charts=True
        ),
        f"Compare the best run of each GAN{' and the entries' if entries else ''}": link_comparison(
            experiment_id,
            [run.info.run_id for run in [*(runs[name] for name in best), *(one.run for one in entries)]],
        ),
        "Means and deviations over seeds (empty with one seed)": link_view(experiment_id, SEEDS),
        "The comparison's run: table, figures, report": link_run(comparison),
    }
    # The runs are read again, because `runs` holds their tags from before they were completed.
    runs = {name: store.client.get_run(run.info.run_id) for name, run in runs.items()}
    page = render_page(find_address(store, address), links, results, runs, entries)
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        write_bytes(PAGE, page.encode())


def choose_best_trials(results: list[RunContent]) -> list[str]:
    """List the name of each GAN's trial with the lowest FID, in the order of the GANs; skip GANs without a score."""
    best: dict[str, RunContent] = {}
    for result in results:
        fid = result.best.get("best_fid")
        former = best.get(result.trial.gan)
        if fid is not None and (former is None or fid < former.best["best_fid"]):
            best[result.trial.gan] = result
    return [result.trial.name for result in best.values()]


def render_page(
    address: str,
    links: dict[str, str],
    results: list[RunContent],
    runs: dict[str, Run],
    entries: Sequence[EntryRun] = (),
) -> str:
    """Render the page with the given links (by their texts), and with the runs and lineage of trials and entries.

    Links are relative to the UI's address. If MLflow answers, the page redirects to the first link, or to the run of
    the trial or entry whose name follows `#` in the page's own address.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["link_run"] = link_run
    return environment.get_template(TEMPLATE).render(
        address=address, links=links, results=results, runs=runs, entries=entries
    )


def _save_views(store: Store, experiment_id: str, results: list[RunContent], has_entries: bool) -> None:
    last_step = max((step for result in results for step in result.grids), default=0)
    tells_classes = any("best_inception_score" in result.best for result in results)
    # MLflow's search language has no `or`.
    kinds = "tags.kind != 'comparison' and tags.kind != 'seeds'" if has_entries else "tags.kind = 'trial'"
    current = f"{kinds} and tags.{SUPERSEDED} = '{NO}'"
    views = {
        ALL_TRIALS: make_view(current, last_step, tells_classes),
        BEST_TRIALS: make_view(f"{current} and tags.{BEST_OF_GAN} = '{YES}'", last_step, tells_classes),
        SEEDS: make_seeds_view(f"tags.kind = 'seeds' and tags.{SUPERSEDED} = '{NO}'", tells_classes),
    }
    for name, view in views.items():
        _set_experiment_tag(store, experiment_id, TAG_PREFIX + name, json.dumps(view))


def _set_experiment_tag(store: Store, experiment_id: str, key: str, value: str) -> None:
    if store.client.get_experiment(experiment_id).tags.get(key) != value:
        store.client.set_experiment_tag(experiment_id, key, value)
