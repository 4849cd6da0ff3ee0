"""Run a PostgreSQL cluster for a test."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import find_free_port


def find_postgresql() -> Path | None:
    """Find the programs of the newest PostgreSQL, in Debian's folder or on the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    return folders[-1] if folders else Path(on_path).parent if on_path else None


@contextmanager
def run_postgresql(programs: Path) -> Iterator[str]:
    """Run a cluster until the block ends; yields the address of an empty database in it."""
    # The path of PostgreSQL's socket must be short.
    with tempfile.TemporaryDirectory(prefix="gan-comparison-", dir="/tmp") as name:
        folder = Path(name)
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        port = find_free_port()

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), *arguments]
            subprocess.run(command, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)

        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "tester", "--auth", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "runs")
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/runs"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
