"""`make` creates Prefect's database completely or not at all, even after an interrupted attempt."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.driving import PATIENCE_SECONDS, ROOT, make_environment


def start_make(database: Path) -> subprocess.Popen[str]:
    environment = f"{sys.prefix}/.ready"
    return subprocess.Popen(
        ["make", f"VENV={sys.prefix}", "-o", environment, f"PREFECT_HOME={database.parent}", str(database)],
        cwd=ROOT,
        env=make_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def has_log_since(folder: Path, moment: float) -> bool:
    """Tell whether SQLite has written a database's log in the folder since a time, so that tables are being created."""
    # Files of an earlier attempt are removed meanwhile.
    with suppress(FileNotFoundError):
        return any(
            log.stat().st_size and log.stat().st_mtime > moment for log in folder.rglob("prefect.db-wal")
        )
    return False


@pytest.mark.slow
def test_a_database_that_was_stopped_on_the_way_is_made_anew(tmp_path: Path) -> None:
    database = tmp_path / "home" / "prefect.db"
    for stop in (signal.SIGKILL, signal.SIGHUP, signal.SIGINT):
        start = time.time()
        stopped = start_make(database)
        while not has_log_since(tmp_path, start):
            assert time.time() < start + PATIENCE_SECONDS
            time.sleep(0.01)
        os.killpg(stopped.pid, stop)
        stopped.communicate(timeout=PATIENCE_SECONDS)
        assert stopped.returncode != 0 and not database.exists()
    # Such a log is left if the database was created in place and interrupted, or if a person deleted the database.
    database.with_name("prefect.db-wal").write_bytes(b"of another database")
    again = start_make(database)
    output, _ = again.communicate(timeout=PATIENCE_SECONDS)
    assert (again.returncode, output) == (0, "Creating Prefect's database, once.\n")
    assert [file.name for file in database.parent.iterdir()] == ["prefect.db"]
    assert database.parent.stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(database) as tables:
        assert tables.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
