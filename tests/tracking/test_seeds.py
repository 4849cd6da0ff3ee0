"""Colours of runs, and the runs that summarise seeds."""

import json
import statistics
from typing import Any, cast

import pytest
from mlflow.entities import Run

from pipeline.tracking.colours import RUN_COLOUR
from pipeline.tracking.comparison import list_best_scores
from pipeline.tracking.lineage import read_lock
from pipeline.tracking.results import MetricValue, RunContent
from pipeline.tracking.runs import list_runs
from pipeline.tracking.seeds import summarise_seeds, sync_seeds
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import read_results, sync
from stages.common.artifacts import Trial
from stages.common.grid import Grid
from stages.report.figures.palette import COLOURS
from tests.tracking.conftest import count_table_rows, find_runs


def make_results(gan: str, seed: int, fid: float | None) -> RunContent:
    values = [] if fid is None else [MetricValue("best_fid", fid, 0, 0.0)]
    best = {} if fid is None else {"best_fid": fid}
    unused = cast(Any, None)
    return RunContent(Trial(gan, "A", seed), unused, {}, {}, values, {}, {}, 0.0, {}, best)


@pytest.mark.parametrize(
    ("fids", "expected"),
    [
        ([10.0, 14.0], {"best_fid": 12.0, "best_fid_deviation": statistics.stdev([10, 14])}),
        ([1.0, 2.0, 6.0], {"best_fid": 3.0, "best_fid_deviation": statistics.stdev([1, 2, 6])}),
        # One trial diverged before it had a score.
        ([10.0, None], {"best_fid": 10.0}),
        ([None, None], {}),
    ],
)
def test_seeds_are_summarised_by_mean_and_deviation(
    fids: list[float | None], expected: dict[str, float]
) -> None:
    group = [make_results("sngan", seed, fid) for seed, fid in enumerate(fids)]
    assert {value.key: value.value for value in summarise_seeds(group)} == pytest.approx(expected)


def test_the_best_scores_are_those_of_each_gan_and_of_all() -> None:
    fids = (("began", 20.0), ("began", 10.0), ("sngan", 5.0), ("ebgan", None))
    results = [make_results(gan, seed, fid) for seed, (gan, fid) in enumerate(fids)]
    found = {value.key: value.value for value in list_best_scores(results)}
    assert found == {"best_fid": 5.0, "best_fid/began": 10.0, "best_fid/sngan": 5.0}


@pytest.mark.slow
@pytest.mark.usefixtures("synced")
def test_runs_have_the_colours_of_the_report_unless_a_person_chose_others() -> None:
    def colours() -> dict[str, str]:
        return {run.data.tags["gan"]: run.data.tags[RUN_COLOUR] for run in find_runs(kind="trial")}

    gans, store = Grid.load().gans, open_store()
    expected = {gan: COLOURS[gans.index(gan)] for gan in gans}
    assert colours() == expected and len(set(expected.values())) == len(gans)
    (began,) = find_runs(kind="trial", gan="began")
    (sngan,) = find_runs(kind="trial", gan="sngan")
    # The first colour is not used by the report; the second one is the report's colour of another GAN.
    store.client.set_tag(began.info.run_id, RUN_COLOUR, "#123456")
    store.client.set_tag(sngan.info.run_id, RUN_COLOUR, COLOURS[-1])
    sync(store)
    assert colours() == expected | {"began": "#123456"}


@pytest.mark.slow
@pytest.mark.usefixtures("synced")
def test_seeds_have_one_run_for_each_gan_and_setting() -> None:
    """The comparison has one seed, so results of a second seed are made from its results."""
    store, grid = open_store(), Grid.load()
    (parent,) = find_runs(kind="comparison")
    results, _ = read_results(grid.trials(), read_lock())
    others = [
        result._replace(
            trial=result.trial._replace(seed=1),
            lineage=result.lineage._replace(key=f"{result.lineage.key}-1"),
        )
        for result in results
    ]

    def sync_all(results: list[RunContent]) -> list[Run]:
        sync_seeds(store, parent.info.experiment_id, results, grid, parent.info.run_id, [])
        return list_runs(store, parent.info.experiment_id, kind="seeds", superseded="no")

    assert sync_all(results) == []
    runs = sync_all([*results, *others])
    assert {run.info.run_name for run in runs} == {"began-A", "sngan-A"}
    for run in runs:
        (trial,) = find_runs(kind="trial", gan=run.data.params["gan"])
        assert run.data.params["seeds"] == "0, 1" and run.info.status == "FINISHED"
        assert run.data.metrics["best_fid"] == trial.data.metrics["best_fid"]
        assert run.data.metrics["best_fid_deviation"] == 0.0
        assert run.data.tags[RUN_COLOUR] == trial.data.tags[RUN_COLOUR]
    before = count_table_rows()
    assert len(sync_all([*results, *others])) == 2 and count_table_rows() == before
    changed = [other._replace(lineage=other.lineage._replace(key="other")) for other in others]
    runs = sync_all([*results, *changed])
    assert len(runs) == 2 and len(find_runs(kind="seeds")) == 4
    view = json.loads(
        store.client.get_experiment(parent.info.experiment_id).tags["mlflow.sharedViewState.seeds"]
    )
    assert view["searchFilter"] == "tags.kind = 'seeds' and tags.superseded = 'no'"
