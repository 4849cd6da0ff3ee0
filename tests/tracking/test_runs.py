"""Each content has one run, which is found, restored from MLflow's trash, or created."""

from pathlib import Path

import pytest
from mlflow.entities import Run, ViewType

from pipeline.tracking.entries import sync_entries
from pipeline.tracking.runs import CONTENT_KEY, find_or_create_run
from pipeline.tracking.store import Store, ensure_experiment, open_store
from tests.driving import copy_working_tree


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Open the empty store of a copy of the working tree, and go to the copy."""
    copy_working_tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    return open_store()


def test_the_run_of_an_entry_that_was_removed_is_superseded(store: Store) -> None:
    experiment = ensure_experiment(store, "test", [])

    def find(name: str) -> Run:
        tags = {"kind": "entry", "entry": name, CONTENT_KEY: name}
        return find_or_create_run(store, experiment, f"entry-{name}", tags, [], {"entry": name})

    other = find_or_create_run(store, experiment, "sngan", {"kind": "trial", CONTENT_KEY: "t"}, [])
    first, second = find("one"), find("two")
    # params.yaml has no entries.
    assert sync_entries(store, experiment, {}, []) == []
    tags = [store.client.get_run(run.info.run_id).data.tags for run in (first, second, other)]
    assert [one.get("superseded") for one in tags] == ["yes", "yes", "no"]


def test_a_content_has_one_run_whether_it_is_new_there_deleted_or_without_its_key(store: Store) -> None:
    notes: list[str] = []
    experiment = ensure_experiment(store, "test", notes)

    def find(key: str, keyless: Run | None = None) -> Run:
        tags = {"kind": "seeds", CONTENT_KEY: key}
        return find_or_create_run(
            store, experiment, f"run-{key}", tags, notes, find_without_key=lambda: keyless
        )

    first = find("a")
    assert (first.info.run_name, first.data.tags["kind"]) == ("run-a", "seeds")
    assert find("a").info.run_id == first.info.run_id and notes == []
    store.client.delete_run(first.info.run_id)
    assert find("a").info.run_id == first.info.run_id
    assert notes == ["the run run-a was in MLflow's trash, and is restored"]
    assert find("b", keyless=first).info.run_id == first.info.run_id
    assert find("b").info.run_id != first.info.run_id
    assert len(store.client.search_runs([experiment], run_view_type=ViewType.ALL)) == 2
