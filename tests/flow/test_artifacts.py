from pathlib import Path

import pytest

from pipeline.flow.artifacts import find_mlflow
from pipeline.tracking.links import write_link


@pytest.mark.parametrize(
    ("uri", "page", "found"),
    [
        ("", "", ("http://127.0.0.1:5000/", False)),
        ("sqlite:////anywhere/mlflow.db", "", ("http://127.0.0.1:5000/", False)),
        ("http://mlflow:5000", "", ("http://mlflow:5000/", True)),
        ("https://me:secret@company/mlflow", "", ("https://company/mlflow/", True)),
        ("http://mlflow:5000", "http://127.0.0.1:5001", ("http://127.0.0.1:5001/", True)),
    ],
)
def test_the_link_to_mlflow_is_one_for_a_browser_and_holds_no_password(
    uri: str, page: str, found: tuple[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_UI_URL", page)
    assert find_mlflow() == found
    # Once there are runs, the link leads to the table of all trials.
    write_link("7")
    table = "#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=trials"
    assert find_mlflow() == (f"{found[0]}{table}", found[1])
