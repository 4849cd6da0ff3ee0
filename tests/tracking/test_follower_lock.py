"""A lock file, not a reusable process id, tells whether the process that follows a run is still alive."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking.follower_lock import FOLDER, has_died
from tests.driving import ROOT, make_environment

HOLD = """
import sys
from pipeline.tracking.follower_lock import name_process
print(name_process(), flush=True)
assert name_process() == name_process()
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tracking" / FOLDER


def start_holder() -> tuple[subprocess.Popen[str], str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=make_environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    return holder, holder.stdout.readline().strip()


def test_a_killed_process_has_died_and_one_that_ended_in_order_leaves_no_file(folder: Path) -> None:
    killed, name = start_holder()
    assert not has_died(name)
    killed.kill()
    killed.communicate()
    assert has_died(name) and (folder / name).exists()
    ended, name = start_holder()
    ended.communicate()
    assert ended.returncode == 0 and not (folder / name).exists()


@pytest.mark.parametrize("name", ["of-another-repository", "", ".", "..", "../../etc/passwd", "host 17 3.25"])
def test_a_name_that_this_repository_does_not_know_is_taken_to_be_alive(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    assert not has_died(name)
