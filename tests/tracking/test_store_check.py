"""An unusable store is refused with its cure before anything runs; a store that is only down gives a warning."""

import http.server
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.tracking.address import hide_password
from pipeline.tracking.store_check import check_store, find_folder_fault
from tests.serving import find_free_port

DATABASE = Path("tracking/mlflow.db")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    DATABASE.parent.mkdir()
    return tmp_path


def make_database(*tables: str, revision: str = "b7d4e9c1a2f3") -> None:
    with closing(sqlite3.connect(DATABASE)) as database:
        for table in tables:
            database.execute(f"CREATE TABLE {table} (version_num)")
        if "alembic_version" in tables:
            database.execute("INSERT INTO alembic_version VALUES (?)", [revision])
        database.commit()


def find_reason() -> str:
    with pytest.raises(ValueError) as error:
        check_store()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("uri", ["", "  ", "sqlite:///new/folder/mlflow.db", "sqlite:///mlflow.db"])
def test_a_file_that_does_not_exist_yet_can_be_used(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert check_store() is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("./mlruns", "is no tracking server; give http"),
        ("file:///tmp/mlruns", "is no tracking server"),
        ("databricks", "is no tracking server"),
        ("databricks://profile", "is no tracking server"),
        ("localhost:5000", "is no tracking server"),
        ("http:/localhost", "is no tracking server"),
        ("sqlite:mlflow.db", "is no tracking server"),
        ("%%%", "is no tracking server"),
        ("http://", "is no address of a server"),
        ("http://host:port", "is no address of a server"),
        ("http://[::1", "is no address of a server"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite://folder/mlflow.db", "names a host"),
        ("sqlite:///~/mlflow.db", "~ is not expanded here"),
        ("sqlite:////dev/null/mlflow.db", "cannot be written"),
        ("sqlite:///tracking", "is a folder"),
        ("sqlite:////dev/null", "is a device or a pipe"),
        ("sqlite:////dev/zero", "is a device or a pipe"),
        ("mysql+nosuchdriver://host/name", "is no address of a database"),
        ("postgresql://user:secret@host:port/name", "is no address of a database"),
        ("mssql+pyodbc://user:secret@host/name", "needs the Python package pyodbc"),
    ],
)
def test_what_can_never_work_is_refused(uri: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = find_reason()
    assert reason in found and "secret" not in found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"SQLite format 3\0" + b"\xff" * 5000, "tracking/mlflow.db is damaged"),
        (b"no database at all", "tracking/mlflow.db is damaged"),
        (b"\0" * 4096, "tracking/mlflow.db is damaged"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_to_unset(content: bytes, reason: str) -> None:
    DATABASE.write_bytes(content)
    found = find_reason()
    assert reason in found and "move it away" in found and "unset" not in found


def test_a_file_damaged_in_its_middle_is_named() -> None:
    make_database("experiments", "alembic_version", *(f"t{number}" for number in range(200)))
    content = bytearray(DATABASE.read_bytes())
    content[8192:40960] = os.urandom(40960 - 8192)
    DATABASE.write_bytes(content)
    assert "tracking/mlflow.db is damaged" in find_reason()


def test_the_file_of_another_program_or_of_a_newer_mlflow_is_named() -> None:
    make_database("songs", "albums")
    assert "belongs to another program: it has the tables albums, songs" in find_reason()
    DATABASE.unlink()
    make_database("experiments", "alembic_version", revision="ffffffffffff")
    assert "was made by a newer MLflow than the installed" in find_reason()


def test_a_locked_file_is_down_and_a_read_only_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make_database("experiments", "alembic_version", revision="0a8213491aaa")
    with closing(sqlite3.connect(DATABASE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "tracking/mlflow.db is locked by another program" in str(check_store())
    assert check_store() is None
    # A user who is not root gets this message.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != DATABASE.name)
    assert "tracking/mlflow.db is read-only for this user" in find_reason()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "the folder" in find_reason()


@contextmanager
def serve(status: int, body: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b"", "refuses the call (status 401); set MLFLOW_TRACKING_USERNAME"),
        (404, b"not found", "the server there is not MLflow's"),
        (200, b"<html>", "the server there is not MLflow's"),
        (200, b"[]", "the server there is not MLflow's"),
    ],
)
def test_a_server_that_is_no_mlflow_or_refuses_the_login_is_told(
    status: int, body: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(status, body) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("user:secret@", ""))
        assert reason in find_reason()


def test_a_server_that_is_down_is_told_and_refused_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(200, b"{}") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("user:secret@", ""))
        assert check_store() is None
    assert "no server answers at" in str(check_store())
    with serve(503, b"") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("user:secret@", ""))
        assert "answers with status 503" in str(check_store())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql+psycopg://u:s@127.0.0.1:{find_free_port()}/x")
    assert "no database answers at" in str(check_store())


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:secret@host/x", "postgresql://me:***@host/x"),
        ("postgresql://me:se@cret@host/x", "postgresql://me:***@host/x"),
        ("http://me:secret@host:5000", "http://me:***@host:5000"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("sqlite:////home/a:b@c/mlflow.db", "sqlite:////home/a:b@c/mlflow.db"),
    ],
)
def test_a_password_is_never_shown(uri: str, shown: str) -> None:
    assert hide_password(uri) == shown


@pytest.mark.parametrize(
    ("name", "uri", "is_fault"),
    [
        ("a%41", "", True),
        ("b%2Fc d", "", True),
        ("%c3%A4", "sqlite:////srv/runs.db", True),
        ("50% off", "", False),
        ("größe", "", False),
        ("a%41", "http://127.0.0.1:5000", False),
    ],
)
def test_a_folder_whose_models_mlflow_will_not_find_is_told_before_anything_runs(
    name: str, uri: str, is_fault: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    fault = find_folder_fault()
    assert (fault is not None) == is_fault
    assert fault is None or ("rename the folder" in fault and name in fault and "\n" not in fault)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MLFLOW_LOGGING_LEVEL", "LOUD", "one of DEBUG, INFO, "),
        ("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "many", "a whole number"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "2.5", "a whole number"),
        ("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "", "a number"),
        ("MLFLOW_ENABLE_ASYNC_LOGGING", "yes", "true or false"),
    ],
)
def test_a_setting_that_mlflow_cannot_read_is_named(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert find_reason().startswith(f"{name} = {value!r} is nothing that MLflow can read; give {allowed}")


def test_settings_that_mlflow_can_read_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("MLFLOW_LOGGING_LEVEL", "debug"),
        ("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "5"),
        ("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "1e-1"),
        ("MLFLOW_ENABLE_ASYNC_LOGGING", "TRUE"),
        ("MLFLOW_OF_NOBODY", "anything"),
    ):
        monkeypatch.setenv(name, value)
    assert check_store() is None


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_database_that_is_not_a_file_is_refused(make: Callable[[Path], object]) -> None:
    make(DATABASE)
    assert re.match("tracking/mlflow.db is a (folder|device or a pipe)", find_reason())
