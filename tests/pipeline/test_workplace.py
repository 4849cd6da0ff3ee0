"""A command started at the wrong place, or where nothing can be written, says so before it does anything."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.workplace import require_root, require_writable
from tests.driving import ROOT

COMMANDS = [
    ("pipeline.flow", "run"),
    ("pipeline.flow", "schedule"),
    ("pipeline.flow", "server"),
    ("pipeline.tracking", "sync"),
    ("pipeline.tracking", "ui"),
    ("pipeline.tracking", "follow", "true"),
    ("pipeline.preset", "smoke"),
    ("pipeline.metrics_diff",),
]


@pytest.mark.parametrize(
    ("words", "folder"),
    [*((words, "docs") for words in COMMANDS), (COMMANDS[0], "stages/gans"), (COMMANDS[0], "presets")],
)
def test_in_a_sub_folder_a_command_names_the_root_and_leaves_nothing_behind(
    words: tuple[str, ...], folder: str, tmp_path: Path
) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / folder).mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path / folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / folder} is not the root of the repository")
    assert f"`cd '{tmp_path}'` first" in done.stderr and done.stderr.count("\n") == 1
    assert not list((tmp_path / folder).iterdir())


def test_outside_a_repository_the_root_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="which holds dvc.yaml and .dvc; call it there"):
        require_root()


def test_a_folder_for_temporary_files_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "not/there"))
    with pytest.raises(ValueError, match="TMPDIR = '.*/not/there' is no folder; make it, or unset TMPDIR"):
        require_writable(tmp_path / "state")


# In a file system of its own: mounts one at `folder` with these options.
MOUNT = """
mount -t tmpfs -o "$1" none folder || exit 1
[ -z "$2" ] || dd if=/dev/zero of=folder/full status=none
exec python -c "$3"
"""
CHECK = """
from pathlib import Path
from pipeline.workplace import require_writable
from stages.common.cli import run_command
run_command(lambda: require_writable(Path("folder")))
"""


@pytest.mark.parametrize(
    ("options", "fill", "number"),
    [("ro", "", errno.EROFS), ("size=64k", "fill", errno.ENOSPC), ("size=0,nr_inodes=1", "", errno.ENOSPC)],
)
def test_a_file_system_that_takes_nothing_is_named_with_the_cause(
    tmp_path: Path, options: str, fill: str, number: int
) -> None:
    (tmp_path / "folder").mkdir()
    words = ["unshare", "--mount", "--map-root-user", "bash", "-c", MOUNT, "bash", options, fill, CHECK]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this user cannot mount a file system")
    assert f"error: folder: {os.strerror(number)}. " in done.stderr and "Traceback" not in done.stderr
