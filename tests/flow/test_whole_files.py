"""What DVC keeps of a repository outlives a command that is killed while it writes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.flow.host import DVC, start_process
from tests.driving import call, copy_working_tree

# DVC as the flow runs it, which is killed when half of what it writes to a file of this name is on the disk.
KILLED = """
import json, os, signal, sys
from pipeline.flow import lock_file
from pipeline.flow.host import run_dvc

def die(content, stream, **_):
    stream.write("{half of it")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "dvc.lock":
    lock_file.LockFile.dump = lambda self, content, stream: die(content, stream)
else:
    json.dump = die
run_dvc(["repro", "--single-item", "--force", "check"])
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    copy_working_tree(folder)
    run_dvc(folder, "repro", "--single-item", "check")
    return folder


def run_dvc(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    return call(sys.executable, "-c", DVC, *arguments, folder=folder, may_fail=may_fail)


@pytest.mark.parametrize("name", [".dvc/tmp/rwlock", "dvc.lock"])
def test_a_file_is_as_it_was_when_a_command_is_killed_while_it_writes(name: str, repository: Path) -> None:
    path, unfinished = repository / name, repository / f"{name}.unfinished"
    before = path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED, name], cwd=repository, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert unfinished.read_text() == "{half of it"
    assert path.read_bytes() == before
    assert "cannot be read" not in run_dvc(repository, "repro", "--single-item", "--force", "check")
    assert not unfinished.exists()


@pytest.mark.parametrize("half", ["", '{"write": {'])
def test_an_rwlock_that_dvc_left_unreadable_is_begun_anew(half: str, repository: Path) -> None:
    path = repository / ".dvc/tmp/rwlock"
    path.write_text(half)
    by_dvc = call(sys.executable, "-m", "dvc", "status", "check", folder=repository, may_fail=True)
    assert "JSON structure is corrupted" in by_dvc
    assert "rwlock' cannot be read" in run_dvc(repository, "status", "check")
    assert "cannot be read" not in run_dvc(repository, "status", "check")


def test_a_file_that_another_process_writes_is_still_busy(repository: Path) -> None:
    path = repository / ".dvc/tmp/rwlock"
    writer = {"pid": os.getpid(), "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {str(repository / "params.yaml"): writer}}))
    said = run_dvc(repository, "status", "check", may_fail=True)
    path.unlink()
    assert "is being blocked by" in said


def test_where_commands_cannot_be_forked_they_are_mended_likewise(repository: Path, tmp_path: Path) -> None:
    (repository / ".dvc/tmp/rwlock").write_text("")
    output = tmp_path / "output.txt"
    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        request = {
            "kind": "dvc",
            "arguments": ["status", "check"],
            "folder": str(repository),
            "environment": dict(os.environ),
        }
        pid = start_process(request, (nothing.fileno(), file.fileno(), file.fileno()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert "rwlock' cannot be read" in output.read_text()
