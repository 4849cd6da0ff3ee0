"""DVC's own files stay intact when a command is killed while it writes them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.driving import call, copy_working_tree, make_environment

# This program runs DVC as the flow does.
RUN = """
import sys
from pipeline.dvc.patches import apply_patches
from dvc.cli import main
apply_patches()
sys.exit(main(sys.argv[1:]))
"""
# This program is killed when it has written half of its content to a file of this name.
KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.dvc import patches
from dvc.cli import main

def write_half(path, text):
    if path.name == sys.argv[1]:
        (Path(".dvc/tmp") / f"{path.name}.unfinished").write_text("{half of it")
        os.kill(os.getpid(), signal.SIGKILL)
    replace_file(path, text)

replace_file, patches.replace_file = patches.replace_file, write_half
patches.apply_patches()
main(["repro", "--single-item", "--force", "check"])
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository in which the first stage has run. No test changes it."""
    folder = tmp_path_factory.mktemp("checked")
    copy_working_tree(folder)
    run_dvc(folder, "repro", "--single-item", "check")
    return folder


@pytest.fixture
def repository(checked: Path, tmp_path: Path) -> Path:
    """Copy that repository."""
    return Path(shutil.copytree(checked, tmp_path / "repository", symlinks=True))


def run_dvc(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    return call(sys.executable, "-c", RUN, *arguments, folder=folder, may_fail=may_fail)


@pytest.mark.parametrize("name", [".dvc/tmp/rwlock", "dvc.lock"])
def test_a_file_is_as_it_was_when_a_command_is_killed_while_it_writes(name: str, repository: Path) -> None:
    path = repository / name
    unfinished = repository / ".dvc/tmp" / f"{path.name}.unfinished"
    before = path.read_bytes()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, path.name], cwd=repository, env=make_environment(), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert unfinished.read_text() == "{half of it"
    assert path.read_bytes() == before
    assert "cannot be read" not in run_dvc(repository, "repro", "--single-item", "--force", "check")
    assert not unfinished.exists()


def test_an_rwlock_that_dvc_left_unreadable_is_begun_anew(repository: Path) -> None:
    path = repository / ".dvc/tmp/rwlock"
    for half in ("", '{"write": {'):
        path.write_text(half)
        by_dvc = call(sys.executable, "-m", "dvc", "status", "check", folder=repository, may_fail=True)
        assert "JSON structure is corrupted" in by_dvc
        assert "rwlock' cannot be read" in run_dvc(repository, "status", "check")
        assert "cannot be read" not in run_dvc(repository, "status", "check")


def test_a_file_that_another_process_writes_is_still_busy(repository: Path) -> None:
    path = repository / ".dvc/tmp/rwlock"
    writer = {"pid": os.getpid(), "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {str(repository / "params.yaml"): writer}}))
    printed = run_dvc(repository, "status", "check", may_fail=True)
    assert "is being blocked by" in printed
