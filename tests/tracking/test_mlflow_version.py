"""The assumptions about MLflow's internals hold for the pinned version, and are not used with another version."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.server
import pytest

from pipeline.tracking import mlflow_version
from pipeline.tracking.colours import RUN_COLOUR
from pipeline.tracking.mlflow_version import VERIFIED_VERSION
from pipeline.tracking.relocation import PATH_COLUMNS
from pipeline.tracking.saved_views import TAG_PREFIX, make_seeds_view, make_view
from pipeline.tracking.start_page import CHOICES, HEAD
from pipeline.tracking.store import open_store
from pipeline.tracking.sync import sync
from tests.driving import ROOT
from tests.tracking.conftest import find_runs

# Names of sections, charts, columns and so on that this project chooses itself.
OWN_VALUES = {"uuid", "name", "displayName", "metricKey", "metricSectionId", "orderByKey"}


def list_keys(value: Any, key: str = "") -> Iterator[str]:
    """List the keys of a view and those of its texts that MLflow's UI must know."""
    if isinstance(value, dict):
        for inner, content in value.items():
            if key != "columnWidths":
                yield inner
            yield from list_keys(content, inner)
    elif isinstance(value, list):
        for content in value:
            yield from list_keys(content, key)
    elif (
        isinstance(value, str) and value and key not in OWN_VALUES | {"selectedColumns", "selectedMetricKeys"}
    ):
        yield value


def test_the_installed_and_pinned_version_is_the_verified_one() -> None:
    assert version("mlflow") == VERIFIED_VERSION
    assert f"\nmlflow=={VERIFIED_VERSION}\n" in (ROOT / "constraints.txt").read_text()


PAGES = Path(mlflow.server.__file__).parent / "js/build"


@pytest.fixture(scope="module")
def scripts() -> str:
    """Return the JavaScript of the installed version's UI."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (PAGES / "static/js").glob("*.js"))


def test_the_ui_of_the_installed_version_knows_what_links_and_first_choices_name(scripts: str) -> None:
    names = [key.rpartition("_v")[0] for key in CHOICES]
    for name in (*names, RUN_COLOUR, "machine_learning"):
        assert f'"{name}"' in scripts, name
    assert 'get("workflowType")' in scripts
    assert HEAD in (PAGES / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("view", [make_view("", 1), make_seeds_view("")], ids=["trials", "seeds"])
def test_the_ui_of_the_installed_version_knows_every_key_of_a_saved_view(
    scripts: str, view: dict[str, Any]
) -> None:
    # The keys of the image chart and of the x axis' metric stand for the texts that are this project's own.
    unknown = [
        key
        for key in {TAG_PREFIX, "viewStateShareKey", "compareRunsMode", *list_keys(view)}
        - {"epoch", "samples"}
        if not re.search(rf"(?<![A-Za-z]){re.escape(key)}(?![A-Za-z])", scripts)
    ]
    assert not unknown


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_every_path_in_the_database_is_in_a_column_that_a_move_corrects(workspace: Path) -> None:
    sync(open_store())
    with closing(sqlite3.connect("tracking/mlflow.db")) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [
            (table, row[1]) for table in tables for row in database.execute(f"PRAGMA table_info({table})")
        ]
        with_paths = {
            (table, column)
            for table, column in columns
            if database.execute(
                f'SELECT 1 FROM {table} WHERE instr("{column}", ?)', (str(workspace),)
            ).fetchone()
        }
    assert set(PATH_COLUMNS) <= set(columns)
    assert {("experiments", "artifact_location"), ("runs", "artifact_uri")} <= with_paths <= set(PATH_COLUMNS)


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_with_another_version_all_is_tracked_but_no_view_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_version, "VERIFIED_VERSION", "3.0.0")
    with pytest.warns(UserWarning, match=f"MLflow {VERIFIED_VERSION} is installed"):
        result = sync(open_store())
    assert set(result.run_ids) == {"began-A-0", "sngan-A-0"} and "is now" in result.champion
    (experiment,) = open_store().client.search_experiments(filter_string="name LIKE 'digits%'")
    assert not [tag for tag in experiment.tags if tag.startswith(TAG_PREFIX)]
    assert Path("tracking/compare.html").exists()


@pytest.mark.slow
def test_with_another_version_a_move_changes_no_table_until_the_verified_one_is_back(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(open_store())
    moved = workspace.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(moved)
    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="after the repository has moved"):
        patch.setattr(mlflow_version, "VERIFIED_VERSION", "3.0.0")
        (run,) = find_runs(trial="sngan-A-0")
        assert run.info.artifact_uri.startswith(workspace.as_uri())
    (run,) = find_runs(trial="sngan-A-0")
    assert run.info.artifact_uri.startswith(moved.as_uri())
