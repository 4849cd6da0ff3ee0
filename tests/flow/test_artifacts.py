import pytest

from pipeline.flow.artifacts import find_mlflow


@pytest.mark.parametrize(
    ("uri", "page", "found"),
    [
        ("", "", ("http://127.0.0.1:5000", False)),
        ("sqlite:////anywhere/mlflow.db", "", ("http://127.0.0.1:5000", False)),
        ("http://mlflow:5000", "", ("http://mlflow:5000", True)),
        ("https://me:secret@company/mlflow", "", ("https://company/mlflow", True)),
        ("http://mlflow:5000", "http://127.0.0.1:5001", ("http://127.0.0.1:5001", True)),
    ],
)
def test_the_link_to_mlflow_is_one_for_a_browser_and_holds_no_password(
    uri: str, page: str, found: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_UI_URL", page)
    assert find_mlflow() == found
