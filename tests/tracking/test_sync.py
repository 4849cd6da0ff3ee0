"""A sync creates exactly one run for each result on disk."""

import html
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import mlflow.artifacts
import pytest
from mlflow.entities import Run

from pipeline.machine import record_machine
from pipeline.tracking.commands import sync_store
from pipeline.tracking.lineage import read_lock
from pipeline.tracking.results import LOSSES
from pipeline.tracking.runs import list_runs
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import read_results, sync
from stages.common.grid import Grid
from tests.driving import call, change, commit, fork_dvc, list_run
from tests.serving import wait_until
from tests.tracking.conftest import DATABASE, count_table_rows, find_runs

pytestmark = pytest.mark.slow
TRIALS = {"began-A-0", "sngan-A-0"}


def find_trials(**tags: str) -> dict[str, Run]:
    return {run.info.run_name: run for run in find_runs(kind="trial", **tags)}


@pytest.mark.usefixtures("workspace")
def test_every_trial_is_a_run_with_all_that_is_known_of_it() -> None:
    sync(open_store())
    runs = find_trials()
    assert set(runs) == TRIALS
    run, client = runs["sngan-A-0"], open_store().client
    assert run.info.status == "FINISHED"
    assert {"gan": "sngan", "setting": "A", "seed": "0"}.items() <= run.data.params.items()
    assert run.data.params["adam.beta2"] == "0.9" and run.data.params["options.loss"] == "non_saturating"
    assert run.data.params["protocol.sample_count"] == "200" and run.data.params["train.batch_size"] == "16"
    rows = [
        json.loads(line) for line in Path("results/train/sngan-A-0/metrics.jsonl").read_text().splitlines()
    ]
    for key in set(rows[0]) - {"generator_step", "epoch"}:
        history = client.get_metric_history(run.info.run_id, LOSSES.get(key, f"train/{key}"))
        assert [(metric.step, metric.value) for metric in history] == [
            (row["generator_step"], row[key]) for row in rows
        ]
    points = json.loads(Path("results/evaluate/sngan-A-0/points.json").read_text())["points"]
    for key in ("fid", "inception_score"):
        history = client.get_metric_history(run.info.run_id, f"evaluate/{key}")
        assert [(metric.step, metric.value) for metric in history] == [
            (point["generator_step"], point[key]) for point in points
        ]
    lines = Path("results/lipschitz/sngan-A-0/metrics.jsonl").read_text().splitlines()
    history = client.get_metric_history(run.info.run_id, "lipschitz/operator_norm_product")
    assert [(metric.step, metric.value) for metric in history] == [
        (row["generator_step"], row["operator_norm_product"]) for row in map(json.loads, lines)
    ]
    assert run.data.metrics["best_fid"] == min(point["fid"] for point in points)
    assert run.data.metrics["last_fid"] == points[-1]["fid"]
    # MLflow's page sorts metrics by section, and puts those without a section last.
    charts = sorted(key for key in run.data.metrics if "/" in key)
    assert charts[:4] == [
        "evaluate/fid",
        "evaluate/inception_score",
        "gan_loss/discriminator",
        "gan_loss/generator",
    ]


@pytest.mark.usefixtures("workspace")
def test_a_trial_has_its_lineage_data_set_pictures_and_checkpoints() -> None:
    sync(open_store())
    run, client = find_trials()["sngan-A-0"], open_store().client
    commit = call("git", "rev-parse", "HEAD").strip()
    expected = {
        "dataset": "digits",
        "extractor": "classifier",
        "device": "cpu",
        "diverged": "no",
        "git_dirty": "false",
    }
    assert (expected | {"mlflow.source.git.commit": commit}).items() <= run.data.tags.items()
    assert len(run.data.tags["dvc_hash_train"]) == 32 and "torch" in run.data.tags
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    manifest = json.loads(Path("data/manifest.json").read_text())
    assert manifest["sha256"].startswith(data.dataset.digest)
    assert run.data.tags["dataset_sha256"] == manifest["sha256"]
    pictures = [Path(file.path).name for file in client.list_artifacts(run.info.run_id, "images")]
    assert {name.split("+")[2] for name in pictures} == {"20", "40"}
    last = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "checkpoints/last")}
    assert last == {"generator_00000040.safetensors", "manifest.json", "state.safetensors"}
    step = int(run.data.metrics["best_fid_generator_step"])
    best = f"checkpoints/best_fid/generator_{step:08d}.safetensors"
    copy = mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/{best}")
    assert Path(copy).read_bytes() == Path(f"models/sngan-A-0/{Path(best).name}").read_bytes()


@pytest.mark.usefixtures("workspace")
def test_the_comparison_is_the_parent_run_and_holds_the_report() -> None:
    sync(open_store())
    store = open_store()
    (experiment,) = store.client.search_experiments(filter_string="name LIKE 'digits%'")
    (parent,) = list_runs(store, experiment.experiment_id, kind="comparison")
    assert {run.data.tags["mlflow.parentRunId"] for run in find_trials().values()} == {parent.info.run_id}
    files = {file.path for file in store.client.list_artifacts(parent.info.run_id, "report")}
    assert {"report/index.html", "report/figure1.png", "report/table1.csv"} <= files
    page = mlflow.artifacts.load_text(f"{parent.info.artifact_uri}/report/index.html")
    assert "../tracking/compare.html" not in page and "viewStateShareKey=best" in page
    assert all(f"/runs/{run.info.run_id}" in page for run in find_trials().values())
    beside = Path("tracking/compare.html").read_text(encoding="utf-8")
    assert '<dt id="sngan-A-0">' in beside and call("git", "rev-parse", "HEAD").strip() in beside
    best = {name: run.data.metrics["best_fid"] for name, run in find_trials().items()}
    assert parent.data.metrics["best_fid"] == min(best.values())
    assert parent.data.metrics["best_fid/began"] == best["began-A-0"]
    assert parent.data.metrics["best_inception_score/sngan"] > 1
    table = mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/table1.json")
    assert [row[1] for row in table["data"]] == ["Real data", "SNGAN", "BEGAN"] or len(table["data"]) == 3
    description = experiment.tags["mlflow.note.content"]
    assert "2 GANs" in description
    table_link = Path("tracking/table_link.txt").read_text().strip()
    assert description.startswith(f"[All runs by FID]({table_link})")
    assert f'/{html.escape(table_link)}">All runs in a table, by FID' in beside


@pytest.mark.usefixtures("workspace")
def test_a_second_sync_changes_no_row() -> None:
    sync(open_store())
    before = count_table_rows()
    sync(open_store())
    assert count_table_rows() == before
    assert before["metrics"] > 500


@pytest.mark.usefixtures("workspace")
def test_a_complete_run_that_two_machines_created_is_kept_once() -> None:
    sync(open_store())
    (first,) = find_trials(trial="sngan-A-0").values()
    store = open_store()
    tags = first.data.tags | {"superseded": "yes"}
    start = first.info.start_time + 1
    second = store.client.create_run(first.info.experiment_id, start, tags, run_name="sngan-A-0")
    sync(store)
    assert [run.info.run_id for run in find_runs(trial="sngan-A-0")] == [first.info.run_id]
    assert store.client.get_run(second.info.run_id).info.lifecycle_stage == "deleted"


@pytest.mark.usefixtures("workspace")
def test_four_processes_that_create_the_store_at_once_leave_what_one_does(
    start_sync: Callable[[], BaseProcess],
) -> None:
    shutil.rmtree("tracking")
    processes = [start_sync() for _ in range(4)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    together = count_table_rows()
    shutil.rmtree("tracking")
    sync(open_store())
    assert count_table_rows() == together


def has_row(condition: str) -> bool:
    """Tell whether the store has a row, such as `runs` or `metrics WHERE key = 'fid'`."""
    # The file is replaced when its creation is finished, so it is opened again each time, and only for reading.
    try:
        with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as database:
            return database.execute(f"SELECT 1 FROM {condition} LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False


@pytest.mark.usefixtures("workspace")
def test_a_sync_that_is_killed_again_and_again_is_completed_by_the_last(
    start_sync: Callable[[], BaseProcess],
) -> None:
    shutil.rmtree("tracking")
    kill_sync(start_sync, Path("tracking/mlflow.db.unfinished").exists)
    # The first such rows are created in this order; the run of the comparison is the first run.
    for row in ("runs", "metrics", "tags WHERE key = 'complete'", "registered_models"):
        kill_sync(start_sync, partial(has_row, row))
    process = start_sync()
    process.join()
    assert process.exitcode == 0
    rows = count_table_rows()
    assert {name: rows[name] for name in ("experiments", "runs", "inputs", "model_versions")} == {
        "experiments": 2,
        "runs": 3,
        "inputs": 2,
        "model_versions": 1,
    }
    check_every_row_is_there_once()
    assert {run.info.status for run in find_trials().values()} == {"FINISHED"}


def kill_sync(start_sync: Callable[[], BaseProcess], is_reached: Callable[[], bool]) -> None:
    """Start a sync, and kill it without warning at a moment before its end."""
    killed = start_sync()
    wait_until(is_reached, "the moment of the kill", pause=0.002)
    killed.kill()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL, "the sync ended before it was killed"


def check_every_row_is_there_once() -> None:
    """Compare the metrics and params in the store with what is on disk."""
    results, left_out = read_results(Grid.load().trials(), read_lock())
    assert not left_out
    runs, client = find_trials(), open_store().client
    for result in results:
        run = runs[result.trial.name]
        assert run.data.params == result.params
        expected = sorted((value.key, value.generator_step) for value in result.values)
        found = [
            (key, metric.step)
            for key in {value.key for value in result.values}
            for metric in client.get_metric_history(run.info.run_id, key)
        ]
        assert sorted(found) == expected


@pytest.mark.usefixtures("workspace")
def test_changed_content_makes_a_new_run_and_supersedes_the_old_one() -> None:
    sync(open_store())
    old = find_trials()
    params = Path("params.yaml").read_text()
    change(lambda params: params["options"]["sngan"].update(loss="hinge"))
    fork_dvc("repro", "report")
    sync(open_store())
    (new,) = find_trials(trial="sngan-A-0", superseded="no").values()
    (superseded,) = find_trials(superseded="yes").values()
    assert superseded.info.run_id == old["sngan-A-0"].info.run_id != new.info.run_id
    assert superseded.data.tags["superseded_by"] == new.info.run_id
    assert new.data.params["options.loss"] == "hinge"
    assert find_trials(trial="began-A-0")["began-A-0"].info.run_id == old["began-A-0"].info.run_id
    # After the change is undone, the first run is current again, and no second one is created.
    before = count_table_rows()["runs"]
    Path("params.yaml").write_text(params)
    assert "Running stage 'train" not in fork_dvc("repro", "report")
    sync(open_store())
    (present,) = find_trials(trial="sngan-A-0", superseded="no").values()
    assert present.info.run_id == superseded.info.run_id and "superseded_by" not in present.data.tags
    assert count_table_rows()["runs"] == before


@pytest.mark.usefixtures("workspace")
def test_files_that_are_not_those_of_dvc_lock_are_left_out_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("results/evaluate/sngan-A-0/points.json")
    path.unlink()
    path.write_text("{}")
    shutil.rmtree("results/train/began-A-0")
    assert sync_store() == 1
    output = capsys.readouterr().err
    assert "left out: sngan-A-0: results/evaluate/sngan-A-0/points.json has MD5" in output
    assert "left out: began-A-0: results/train/began-A-0/metrics.jsonl is missing" in output


def test_a_fresh_clone_fills_its_store_from_what_dvc_pull_fetched(workspace: Path, tmp_path: Path) -> None:
    sync(open_store())
    keys = {name: run.data.tags["content_key"] for name, run in find_trials().items()}
    call("dvc", "remote", "add", "--default", "store", str(tmp_path / "remote"))
    call("dvc", "push")
    commit("remote")
    call("git", "clone", "--quiet", str(workspace), str(tmp_path / "clone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "clone")
        call("dvc", "pull", "--allow-missing")
        assert list_run(call("dvc", "repro")) == ["track"]
        assert {name: run.data.tags["content_key"] for name, run in find_trials().items()} == keys
        assert call("git", "status", "--porcelain") == ""


@pytest.mark.usefixtures("workspace")
def test_a_run_names_the_machine_that_trained_it_and_keeps_it_when_another_repeats_it() -> None:
    machine = {
        "host": "node1",
        "cpu": "AMD EPYC",
        "gpu": "NVIDIA H200, 580.1",
        "cuda": "CUDA 13.0",
        "job": "",
    }
    record_machine("train@sngan-A-0", machine)
    sync(open_store())
    record_machine("train@sngan-A-0", machine | {"host": "node2"})
    sync(open_store())
    runs = find_trials()
    found = {key: value for key, value in runs["sngan-A-0"].data.tags.items() if key.startswith("machine.")}
    assert found == {f"machine.{key}": machine[key] for key in ("host", "cpu", "gpu", "cuda")}
    assert not any(key.startswith("machine.") for key in runs["began-A-0"].data.tags)


def test_artifacts_are_found_after_the_repository_has_moved(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(open_store())
    before = count_table_rows()
    moved = workspace.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(moved)
    sync(open_store())
    run = find_trials()["sngan-A-0"]
    assert run.info.artifact_uri.startswith(moved.as_uri())
    copy = mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/checkpoints/last/manifest.json")
    assert Path(copy).is_relative_to(moved)
    assert count_table_rows() == before


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("option", ["--temp", "--queue"])
def test_an_experiment_in_a_copy_of_the_repository_has_its_runs_in_the_repositorys_store(option: str) -> None:
    sync(open_store())
    own = {run.info.run_id for run in find_trials(superseded="no").values()}

    fork_dvc("exp", "run", option, "--name", "flat", "-S", "sample.grid_rows=2")
    if option == "--queue":
        assert not find_runs(dvc_experiment="flat")
        call("dvc", "exp", "run", "--run-all")
    runs = find_trials(dvc_experiment="flat")
    assert set(runs) == TRIALS
    for run in runs.values():
        assert run.data.params["sample.grid_rows"] == "2" and run.info.status == "FINISHED"
        assert Path(run.info.artifact_uri.removeprefix("file://"), "checkpoints").is_relative_to(Path.cwd())
    assert len(find_runs(dvc_experiment="flat", kind="comparison")) == 1
    # The experiment's run supersedes no other run until the experiment is applied.
    assert own <= {run.info.run_id for run in find_runs(kind="trial", superseded="no")}
    sync(open_store())
    assert {run.info.run_id for run in find_trials(superseded="no").values()} == own

    call("dvc", "exp", "apply", "flat")
    sync(open_store())
    assert set(find_trials(superseded="no")) == TRIALS
    assert {run.info.run_id for run in find_trials(superseded="no").values()} == {
        run.info.run_id for run in runs.values()
    }
    assert len(find_runs(kind="trial")) == 4
