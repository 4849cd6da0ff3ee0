"""The follower of trainings reports a store that is down, and only such a store."""

import http.server
import json
import threading
from pathlib import Path

import pytest

from pipeline.tracking import follower
from pipeline.tracking.__main__ import follow_command, main
from tests.serving import find_free_port, wait_until

MANIFEST = Path("data/manifest.json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(follower, "LONGEST_PAUSE_SECONDS", 0.2)
    MANIFEST.parent.mkdir()
    MANIFEST.write_text("{}")
    return tmp_path


def follow_until(said: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Follow until a text is printed and for a while longer; return the whole output."""
    printed = ""

    def has_said() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return said in printed

    thread = follower.FollowerThread()
    wait_until(has_said, said, 30, pause=0.05)
    # DVC removes a stage's outputs before it runs the stage again. Meanwhile the follower has nothing to send.
    MANIFEST.unlink()
    threading.Event().wait(1)
    thread.stop(has_failed=True)
    has_said()
    return printed


def test_a_dead_server_never_answers_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{find_free_port()}")
    printed = follow_until("does not take the rows", capsys)
    assert "no server answers at" in printed and "MLflow answers again" not in printed
    assert printed.count("does not take the rows") == 1


@pytest.mark.parametrize(
    ("uri", "reason"),
    [("./mlruns", "is no tracking server"), ("sqlite:////dev/null/x.db", "cannot be written")],
)
def test_a_store_that_can_never_be_used_is_told_with_its_reason(
    uri: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    printed = follow_until("does not take the rows", capsys)
    assert reason in printed and "MLflow answers again" not in printed


def test_a_server_whose_database_is_down_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500)
            self.end_headers()
            self.wfile.write(json.dumps({"error_code": "INTERNAL_ERROR"}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        printed = follow_until("does not take the rows", capsys)
        server.shutdown()
    assert "answers with status 500; look into its log" in printed and "MLflow answers again" not in printed


def test_a_command_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("pipeline.tracking.__main__.check_store", lambda: None)
    (folder / "no program").touch()
    for words in (["no-such-program"], ["./no program", "--help"], [str(folder)]):
        with pytest.raises(ValueError, match=f"follow cannot start '{words[0]}' .*: name a program"):
            follow_command(words)


@pytest.mark.parametrize("separator", [[], ["--"]])
def test_a_command_may_stand_behind_the_end_of_options(
    monkeypatch: pytest.MonkeyPatch, separator: list[str]
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("pipeline.tracking.__main__.require_root", lambda: None)
    monkeypatch.setattr("pipeline.tracking.__main__.follow_command", started.append)
    monkeypatch.setattr("sys.argv", ["tracking", "follow", *separator, "dvc", "repro", "--", "-f"])
    main()
    assert started == [["dvc", "repro", "--", "-f"]]
