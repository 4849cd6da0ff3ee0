"""The store and the served model work in a repository whose folder has an unusual name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.driving import call, make_environment

pytestmark = pytest.mark.slow
# This program imports no stages, because the model has its own copy of them.
LOAD = """
from pipeline.tracking.model_server import load_model
with load_model("models:/digits-8-classifier@champion") as model:
    print(model.predict({"index": [0, 7]}).shape)
"""


@pytest.mark.parametrize("name", ["a%41 b%2Fc", "50% größe #1?"])
def test_the_champion_is_made_and_loads(
    name: str,
    finished_comparison: Path,
    empty_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / name / "repository"
    shutil.copytree(finished_comparison, folder, symlinks=True)
    shutil.rmtree(folder / "tracking")
    (folder / "tracking").mkdir()
    shutil.copyfile(empty_database, folder / "tracking/mlflow.db")
    monkeypatch.chdir(folder)
    told = call(sys.executable, "-m", "pipeline.tracking", "sync")
    assert "MLflow has 2 of 2 trials" in told and "is now" in told
    # MLflow's own function does not find a model there if it is called without a folder for a copy.
    assert ("rename the folder" in told) == (name == "a%41 b%2Fc")
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD],
        env=make_environment(MLFLOW_TRACKING_URI="sqlite:///tracking/mlflow.db"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.stdout == "(2, 8, 8, 1)\n", loaded.stderr
