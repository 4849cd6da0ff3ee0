"""The next sync repairs or reports changes that people make by hand to runs, experiments, models and artifacts."""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipeline.tracking.model_versions import find_champion, find_trouble
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import sync
from tests.driving import call
from tests.tracking.conftest import count_table_rows, find_runs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("synced")]
GRIDS = (20, 40)
LOAD = """
import mlflow
[version] = mlflow.MlflowClient().search_model_versions("", max_results=1)
print(mlflow.pyfunc.load_model(f"models:/{version.name}@champion").predict({"index": [0, 7]}).shape)
"""


def open_client() -> MlflowClient:
    return open_store().client


def read_name() -> str:
    return str(open_client().search_registered_models()[0].name)


def find_sound_champion(name: str) -> ModelVersion:
    """Find the champion, which must have a score and all of its files."""
    store = open_store()
    champion = find_champion(store, name)
    assert champion is not None and find_trouble(store, champion) is None
    return champion


def empty_trash() -> None:
    uri = f"sqlite:///{Path('tracking/mlflow.db').resolve()}"
    call(sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri)


def move_alias(client: MlflowClient, champion: ModelVersion, source: str, tags: dict[str, str]) -> None:
    """Register a version by hand, and make it the champion."""
    other = client.create_model_version(champion.name, source, champion.run_id, tags=tags)
    client.set_registered_model_alias(champion.name, "champion", other.version)


def find_folder(champion: ModelVersion) -> Path:
    return Path(str(champion.source).removeprefix("file://"))


def delete_experiment(client: MlflowClient, champion: ModelVersion) -> None:
    client.delete_experiment(client.get_run(str(champion.run_id)).info.experiment_id)


def delete_champions_files(pattern: str) -> Callable[[MlflowClient, ModelVersion], None]:
    def delete(_: MlflowClient, champion: ModelVersion) -> None:
        for path in find_folder(champion).glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return delete


def cut_champions_weights(_: MlflowClient, champion: ModelVersion) -> None:
    (weights,) = find_folder(champion).glob("artifacts/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])


@pytest.mark.parametrize(
    "act",
    [
        lambda client, champion: move_alias(client, champion, champion.source, {}),
        lambda client, champion: move_alias(client, champion, "s3://elsewhere/model", {"fid": "0.1"}),
        lambda client, champion: move_alias(client, champion, "/nowhere", champion.tags | {"fid": "much"}),
        lambda client, champion: move_alias(client, champion, "/nowhere", champion.tags | {"fid": "0.1"}),
        lambda client, champion: client.delete_registered_model_alias(champion.name, "champion"),
        lambda client, champion: client.delete_model_version(champion.name, champion.version),
        lambda client, champion: client.delete_registered_model(champion.name),
        lambda client, champion: client.rename_registered_model(champion.name, "mine"),
        lambda client, champion: client.delete_model_version_tag(champion.name, champion.version, "protocol"),
        lambda client, champion: client.set_model_version_tag(champion.name, champion.version, "fid", "nan"),
        lambda client, champion: client.delete_run(str(champion.run_id)),
        delete_experiment,
        delete_champions_files("MLmodel"),
        delete_champions_files("code"),
        delete_champions_files("artifacts/*.json"),
        cut_champions_weights,
    ],
)
def test_the_champion_loads_after_the_next_sync(act: Callable[[MlflowClient, ModelVersion], None]) -> None:
    name = read_name()
    act(open_client(), find_sound_champion(name))
    result = sync(open_store())
    assert result.champion.startswith(f"champion of {name} is ")
    find_sound_champion(name)
    rows = count_table_rows()
    again = sync(open_store())
    assert not again.notes and "is still" in again.champion
    assert count_table_rows() == rows


@pytest.mark.parametrize("what", ["experiment", "run"])
def test_what_is_gone_for_good_is_made_again_and_the_champion_loads(what: str) -> None:
    name, client = read_name(), open_client()
    champion = find_sound_champion(name)
    if what == "experiment":
        delete_experiment(client, champion)
    else:
        client.delete_run(str(champion.run_id))
    empty_trash()
    result = sync(open_store())
    assert "does not load" in result.champion
    assert {run.info.status for run in find_runs()} == {"FINISHED"} and len(find_runs()) == 3
    assert "(2, 8, 8, 1)" in call(
        sys.executable, "-c", LOAD, MLFLOW_TRACKING_URI=f"sqlite:///{Path('tracking/mlflow.db').resolve()}"
    )
    assert name == find_sound_champion(name).name


def test_a_better_version_that_lost_the_alias_gets_it_back() -> None:
    name, client = read_name(), open_client()
    champion = find_sound_champion(name)
    # This version stands for a better generator of another comparison.
    client.set_model_version_tag(name, champion.version, "weights_sha256", "of another generator")
    client.set_model_version_tag(name, champion.version, "fid", "0.1")
    client.delete_registered_model_alias(name, "champion")
    assert f"is again version {champion.version} with FID 0.1" in sync(open_store()).champion


def snapshot_runs() -> dict[str, dict[str, Any]]:
    return {
        run.info.run_id: {
            "tags": dict(run.data.tags),
            "params": run.data.params,
            "status": run.info.status,
            "files": list_run_files(Path(run.info.artifact_uri.removeprefix("file://"))),
        }
        for run in find_runs()
    }


def list_run_files(folder: Path) -> dict[str, int]:
    # The file names of logged pictures and the times of model versions differ in every sync.
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not {"images", "model"} & set(path.relative_to(folder).parts)
    }


def edit_run(kind: str, act: Callable[[MlflowClient, str], object]) -> None:
    for run in find_runs(kind=kind):
        act(open_client(), run.info.run_id)


def change_tags(client: MlflowClient, run: str) -> None:
    for key in ("kind", "trial", "mlflow.parentRunId", "complete"):
        client.delete_tag(run, key)
    client.set_tag(run, "gan", "mine")
    client.set_tag(run, "superseded", "yes")


def find_run_files(*patterns: str) -> list[Path]:
    folders = [Path(run.info.artifact_uri.removeprefix("file://")) for run in find_runs()]
    return [path for folder in folders for pattern in patterns for path in folder.glob(pattern)]


def delete_files(*patterns: str) -> None:
    for path in find_run_files(*patterns):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut_files(*patterns: str) -> None:
    for path in find_run_files(*patterns):
        path.write_bytes(path.read_bytes()[:-1])


def set_status(kind: str, status: str) -> None:
    edit_run(kind, lambda client, run: client.update_run(run, status=status))


def delete_tag(kind: str, name: str) -> None:
    edit_run(kind, lambda client, run: client.delete_tag(run, name))


# Where two changes stand together, one is of the runs of trials and one of the run of the comparison.
@pytest.mark.parametrize(
    "acts",
    [
        [partial(delete_tag, "trial", "content_key"), partial(delete_tag, "comparison", "content_key")],
        [partial(edit_run, "trial", change_tags), partial(set_status, "comparison", "RUNNING")],
        [partial(set_status, "trial", "RUNNING"), partial(delete_tag, "comparison", "kind")],
        [partial(set_status, "trial", "FAILED"), partial(delete_files, "table1.json")],
        [partial(edit_run, "trial", lambda client, run: client.delete_run(run))],
        [partial(edit_run, "comparison", lambda client, run: client.delete_run(run))],
        [partial(delete_files, "checkpoints", "images", "report/figure1.png")],
        [partial(delete_files, "*")],
        [partial(cut_files, "checkpoints/last/*.safetensors", "report/*.csv")],
    ],
)
def test_the_next_sync_repairs_a_run_in_place(acts: list[Callable[[], None]]) -> None:
    before = snapshot_runs()
    for act in acts:
        act()
    sync(open_store())
    assert snapshot_runs() == before
    for run in find_runs(kind="trial"):
        assert len(open_client().list_artifacts(run.info.run_id, "images")) == 2 * len(GRIDS)
    assert not sync(open_store()).notes


def test_a_renamed_experiment_goes_on_under_its_new_name() -> None:
    client, before = open_client(), find_runs()
    client.rename_experiment(before[0].info.experiment_id, "mine")
    result = sync(open_store())
    assert any("was renamed to 'mine'" in note for note in result.notes)
    assert set(result.run_ids.values()) < {run.info.run_id for run in before}
    assert len(client.search_experiments()) == 2


def test_a_renamed_run_keeps_its_name() -> None:
    (run,) = find_runs(trial="sngan-A-0")
    open_client().update_run(run.info.run_id, name="my favourite")
    assert not sync(open_store()).notes
    assert [run.info.run_name for run in find_runs(trial="sngan-A-0")] == ["my favourite"]


def test_an_edited_description_is_kept_and_written_again_once_it_is_emptied() -> None:
    client, experiment = open_client(), find_runs()[0].info.experiment_id
    ours = client.get_experiment(experiment).tags["mlflow.note.content"]
    client.set_experiment_tag(experiment, "mlflow.note.content", "by hand")
    assert any("was edited and is kept" in note for note in sync(open_store()).notes)
    assert client.get_experiment(experiment).tags["mlflow.note.content"] == "by hand"
    client.set_experiment_tag(experiment, "mlflow.note.content", "")
    assert not sync(open_store()).notes
    assert client.get_experiment(experiment).tags["mlflow.note.content"] == ours


def test_a_key_that_was_copied_to_another_trials_run_harms_neither() -> None:
    (mine,), (other,) = find_runs(trial="sngan-A-0"), find_runs(trial="began-A-0")
    open_client().set_tag(other.info.run_id, "content_key", mine.data.tags["content_key"])
    result = sync(open_store())
    assert result.run_ids["sngan-A-0"] == mine.info.run_id
    assert open_client().get_run(other.info.run_id).info.lifecycle_stage == "active"
