"""Child processes: their output and return values are passed on, and none outlives its parent process."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.dvc.worker import DiedError, WorkerPool, run_module
from tests.driving import make_environment
from tests.dvc import worker_functions as functions
from tests.serving import wait_until

ROOT = Path(__file__).parents[2]
# This program has a child that has started another process; both print their ids.
PARENT = """
import sys
from pipeline.dvc.worker import WorkerPool
from tests.dvc.worker_functions import start_another
with WorkerPool(is_preloaded=sys.argv[1] == "forked") as pool:
    pool.call(start_another, on_line=lambda line: print(line, flush=True))
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool() as started:
        yield started


def test_lines_and_the_value_come_back(pool: WorkerPool) -> None:
    lines: list[str] = []
    result = pool.call(functions.print_and_return, 3, on_line=lines.append, environment={"ONLY_THERE": "yes"})
    assert lines == ["first", "second", "third"]
    assert (result["value"], result["variable"], result["folder"]) == (3, "yes", Path.cwd())


def test_an_error_comes_back(pool: WorkerPool) -> None:
    with pytest.raises(KeyError, match="missing"):
        pool.call(functions.fail)


def test_a_child_that_is_killed_is_told_from_one_that_fails_and_leaves_nothing(pool: WorkerPool) -> None:
    with pytest.raises(DiedError, match="was ended by signal 9"):
        pool.call(functions.die)


def test_a_module_runs_as_the_interpreter_runs_it(
    pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("import sys; print(sys.argv[1:], __name__); sys.exit(3)")
    (tmp_path / "broken.py").write_text("raise RuntimeError('broken on purpose')")
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    assert pool.call(run_module, "mine", "--gan", "sngan", on_line=lines.append) == 3
    assert lines == ["['--gan', 'sngan'] __main__"]
    assert pool.call(run_module, "broken", on_line=lines.append) == 1
    assert lines[-1] == "RuntimeError: broken on purpose"


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is preloaded where fork is not safe")
def test_torch_is_preloaded_and_cuda_is_not_initialised(pool: WorkerPool) -> None:
    has_torch, has_cuda = pool.call(functions.find_torch_and_cuda)
    assert has_torch
    assert not has_cuda


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["forked", "spawned"])
def test_a_process_that_dies_leaves_no_child_and_no_file(kind: str, number: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, kind],
        env=make_environment(TMPDIR=str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ids = [int(word) for word in process.stdout.readline().split()]
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(ids) == 2
    process.send_signal(number)
    process.wait(30)
    wait_until(lambda: not any(psutil.pid_exists(number) for number in ids), "the end of both", 10)
    wait_until(lambda: not any(map(is_running, children)), "the end of the fork server", 10)
    # A spawned child uses the system's folder for temporary files.
    assert kind == "spawned" or list(tmp_path.iterdir()) == []


def is_running(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="there is no fork server where fork is not safe")
def test_a_long_folder_for_temporary_files_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("long-name-" * 12)
    folder.mkdir()
    script = "import os\nfrom pipeline.dvc.worker import WorkerPool\nprint(WorkerPool().call(os.getpid) != os.getpid())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=make_environment(TMPDIR=str(folder)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr
    assert list(folder.iterdir()) == []


def test_stopping_ends_what_runs_within_seconds() -> None:
    pool, ids = WorkerPool(), list[int]()
    begun = time.monotonic()

    def stop(line: str) -> None:
        ids.extend(map(int, line.split()))
        pool.stop()

    with pytest.raises(RuntimeError, match="is being stopped"):
        pool.call(functions.start_another, on_line=stop)
    assert len(ids) == 2
    wait_until(lambda: not any(psutil.pid_exists(number) for number in ids), "the end of both", 10)
    assert time.monotonic() - begun < 30
