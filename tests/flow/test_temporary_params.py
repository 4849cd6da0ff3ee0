"""A run that changes params.yaml restores the former file, however the run ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.flow.temporary_params import FOLDER, restore_all, temporary_params
from tests.driving import ROOT, make_environment
from tests.serving import wait_until

BEFORE, DURING, EDITED = "seeds: [0]  # mine\n", "seeds: [1]\n", "seeds: [2]\n"
PARAMS = Path("params.yaml")
RUN = """
import sys, time
from pathlib import Path
from pipeline.flow.temporary_params import temporary_params
with temporary_params(lambda: Path("params.yaml").write_text(sys.argv[1])):
    print("changed", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    PARAMS.write_text(BEFORE)
    yield tmp_path
    assert not list(FOLDER.glob("*")), "a file is left"


def start_run() -> subprocess.Popen[str]:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, DURING],
        env=make_environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None and run.stdout.readline() == "changed\n"
    assert PARAMS.read_text() == DURING
    return run


def test_it_is_as_before_after_a_run_that_ends_or_fails() -> None:
    with temporary_params(lambda: PARAMS.write_text(DURING)):
        assert PARAMS.read_text() == DURING
    assert PARAMS.read_text() == BEFORE
    with pytest.raises(RuntimeError), temporary_params(lambda: PARAMS.write_text(DURING)):
        raise RuntimeError
    assert PARAMS.read_text() == BEFORE


def test_it_is_as_before_where_the_change_is_refused() -> None:
    def refuse() -> None:
        raise ValueError("no such preset")

    with pytest.raises(ValueError, match="no such preset"), temporary_params(refuse):
        pass
    assert PARAMS.read_text() == BEFORE


def test_it_is_as_before_in_a_process_that_ends_without_leaving_the_context() -> None:
    with temporary_params(lambda: PARAMS.write_text(DURING)) as restore:
        restore()
        assert PARAMS.read_text() == BEFORE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_it_is_as_before_within_seconds_after_a_run_was_killed(number: int) -> None:
    run = start_run()
    run.send_signal(number)
    run.wait()
    wait_until(lambda: PARAMS.read_text() == BEFORE and not list(FOLDER.glob("*")), "the former file", 20)


def test_the_next_run_puts_it_back_where_the_whole_machine_went_down(folder: Path) -> None:
    # After a power failure only these files are left.
    left = FOLDER / "0123"
    left.mkdir(parents=True)
    (left / "former.yaml").write_text(BEFORE)
    PARAMS.write_text("seeds: [half a cha")
    restore_all()
    assert PARAMS.read_text() == BEFORE


def test_what_a_person_writes_meanwhile_is_kept() -> None:
    with temporary_params(lambda: PARAMS.write_text(DURING)):
        PARAMS.write_text(EDITED)
    assert PARAMS.read_text() == EDITED
    run = start_run()
    PARAMS.write_text(EDITED)
    run.kill()
    run.wait()
    wait_until(lambda: not list(FOLDER.glob("*")), "the guard", 20)
    assert PARAMS.read_text() == EDITED


def test_the_guard_of_a_killed_run_leaves_the_file_of_the_next_run_alone() -> None:
    run = start_run()
    run.kill()
    run.wait()
    restore_all()
    with temporary_params(lambda: PARAMS.write_text("seeds: [3]\n")):
        time.sleep(2)
        assert PARAMS.read_text() == "seeds: [3]\n"
    assert PARAMS.read_text() == BEFORE
