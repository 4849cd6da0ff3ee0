"""Entries beside two GANs in the smoke preset: table, page, MLflow; a changed file reruns only its own stages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.tracking.store import open_store
from tests.driving import call, change, dvc, fork_dvc, list_run
from tests.scores.factories import make_images

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("repository")]
SAMPLES = {"layout": "auto", "floats": "refuse", "resize": False}
# These stages read the scores of all trials and entries.
AFTER = {"report", "summary", "track"}
GENERATOR = {"z_dimension": 16, "z_distribution": "normal", "batch_size": 100, "output_range": "symmetric"}


def read(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def list_without_sources(output: str) -> list[str]:
    return [stage for stage in list_run(output) if not stage.startswith("entry_source@")]


def test_an_entry_gets_a_row_a_place_on_the_page_and_a_run_and_alone_runs_again_when_its_file_changes() -> (
    None
):
    call(
        "python",
        "-m",
        "stages.sample",
        "export",
        "--gan",
        "sngan",
        "--setting",
        "A",
        "--seed",
        "0",
        "exported",
    )
    for seed in (0, 1):
        np.save(f"samples_{seed}.npy", make_images(210, seed))
    noise = {"title": "Noise", "files": ["samples_0.npy", "samples_1.npy"], "samples": SAMPLES}
    exported = {"title": "SNGAN, exported", "files": ["exported/generator.onnx"], "generator": GENERATOR}
    before = {path: path.read_bytes() for path in Path("models").rglob("*") if path.is_file()}
    change(lambda params: params.update(entries={"noise": noise, "exported": exported}))
    output = fork_dvc("repro")
    own_stages = {
        f"{stage}@{name}" for stage in ("entry", "entry_neighbours") for name in ("exported", "noise")
    }
    assert set(list_without_sources(output)) == {"check"} | own_stages | AFTER
    assert {path: path.read_bytes() for path in before} == before

    # The exported generator scores as the snapshot does, up to pixels that round differently.
    own = read("results/evaluate/sngan-A-0/points.json")["points"][-1]
    assert read("results/evaluate/entry-exported/points.json")["points"][0]["fid"] == pytest.approx(
        own["fid"], 1e-2
    )
    table = Path("report/table1.txt").read_text(encoding="utf-8")
    page = Path("report/index.html").read_text(encoding="utf-8")
    for title in ("Noise", "SNGAN, exported"):
        assert title in table and title in page
    # The exported generator draws the snapshot's images from the snapshot's noise, so they are as near to others.
    (nearest,) = read("results/evaluate/entry-exported/neighbours/neighbours.json")["seeds"].values()
    of_trial = read("results/neighbours/neighbours.json")["trials"]["sngan-A-0"]
    for space in ("pixels", "features"):
        assert nearest[space] == pytest.approx(of_trial[space], rel=1e-2)
    assert "Distances of all trials and entries" in page
    shown = json.loads(dvc("metrics", "show", "--json"))[""]["data"]
    assert {"metrics/entry-noise-0.json", "metrics/entry-noise-1.json"} < shown.keys()
    assert set(shown["metrics/entry-noise-1.json"]["data"]) == {
        *("best_fid", "fid", "is", "kid", "precision", "recall")
    }
    links = Path("tracking/compare.html").read_text(encoding="utf-8")
    assert '<dt id="entry-exported">' in links and "Compare the best run of each GAN and the entries" in links
    store = open_store()
    (experiment,) = [one for one in store.client.search_experiments() if one.name != "Default"]
    runs = {run.info.run_name: run for run in store.client.search_runs([experiment.experiment_id])}
    checksums = [point["sha256"] for point in read("results/evaluate/entry-noise/points.json")["points"]]
    assert json.loads(runs["entry-noise"].data.tags["sha256"]) == checksums
    fids = [point["fid"] for point in read("results/evaluate/entry-noise/points.json")["points"]]
    assert runs["entry-noise"].data.metrics["best_fid"] == min(fids)
    view = json.loads(
        store.client.get_experiment(experiment.experiment_id).tags["mlflow.sharedViewState.trials"]
    )
    found = store.client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_name for run in found} >= {"sngan-A-0", "entry-noise", "entry-exported"}
    assert {run.data.tags["kind"] for run in found} == {"trial", "entry"}
    assert runs["entry-noise"].data.metrics["fid"] > 0 and runs["entry-noise"].info.status == "FINISHED"

    assert list_without_sources(dvc("repro")) == []
    np.save("samples_1.npy", make_images(210, 5))
    assert set(list_without_sources(fork_dvc("repro"))) == {"entry@noise", "entry_neighbours@noise"} | AFTER
    change(lambda params: params.update(entries={}))
    assert set(list_without_sources(fork_dvc("repro"))) <= {"check"} | AFTER
    assert "Noise" not in Path("report/table1.txt").read_text(encoding="utf-8")
    runs_now = store.client.search_runs([experiment.experiment_id], "tags.kind = 'entry'")
    assert len(runs_now) == 3 and {run.data.tags["superseded"] for run in runs_now} == {"yes"}
