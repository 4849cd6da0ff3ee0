"""Flows over a real SLURM with two nodes recover when jobs are cancelled and when workers or the head are killed."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.cluster.driving import (
    check_nothing_changed,
    forget_trials,
    list_agents,
    needs_dask,
    run_on_cluster,
    write_cluster,
)
from tests.driving import change, dvc
from tests.flow.driving import LOG, list_checkpoints, read_log_end, read_results, start_flow
from tests.slurm import find_reason_to_skip, list_jobs, run_slurm

REASON = find_reason_to_skip()
pytestmark = [
    pytest.mark.slow,
    needs_dask,
    pytest.mark.skipif(bool(REASON), reason=REASON),
    pytest.mark.usefixtures("repository", "slurm"),
]
PATIENCE_SECONDS = 240
END_SECONDS = 45


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """Run SLURM for all tests of this file."""
    with run_slurm():
        yield


def write_slurm(tmp_path: Path, jobs: int) -> None:
    write_cluster(
        kind="slurm",
        max_jobs=jobs,
        cores=1,
        memory="1GB",
        walltime="00:10:00",
        directives=["--mem=0"],
        scratch=str(tmp_path / "scratch"),
        logs=str(tmp_path / "logs"),
    )


def wait_for(what: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, read_log_end()
        time.sleep(0.1)


def kill_workers() -> None:
    """Kill a Dask worker as the kernel does when memory runs out."""
    for agent in list_agents():
        parent = agent.parent()
        if parent is not None and "pipeline.cluster.agent" in agent.cmdline():
            parent.kill()


def cancel_jobs() -> None:
    subprocess.run(["scancel", *list_jobs()], check=True)


def test_jobs_of_slurm_make_what_dvc_alone_made(tmp_path: Path) -> None:
    forget_trials()
    write_slurm(tmp_path, 2)
    output = run_on_cluster()
    assert "2 of 2 trials done; " in output
    check_nothing_changed()
    wait_for(lambda: not list_jobs(), END_SECONDS)
    wait_for(lambda: not list_agents(), END_SECONDS)
    machines = [path.read_text() for path in Path("timings/machines").rglob("*.json")]
    assert len(machines) == 2 and all(re.search(r'"job": "\d+"', text) for text in machines)


def test_a_trial_whose_worker_is_lost_goes_on_elsewhere_and_nothing_outlives_the_head(tmp_path: Path) -> None:
    change(lambda params: params["train"].update(generator_steps=1500, checkpoint_every_generator_steps=50))
    write_slurm(tmp_path, 1)
    command = ("run", "--cluster", ".dvc/tmp/cluster.yaml", "--trials", "sngan-A-0")
    head = start_flow(*command)
    for lose in (kill_workers, cancel_jobs):
        began = time.time()
        wait_for(partial(list_checkpoints, tmp_path / "scratch", began))
        assert head.poll() is None, read_log_end()
        before = list_agents()
        lose()
        # Another worker may have started meanwhile.
        assert not psutil.wait_procs(before, END_SECONDS)[1]
    began = time.time()
    wait_for(lambda: list_checkpoints(tmp_path / "scratch", began))
    printed = LOG.read_text(errors="replace")
    for reason in ("its process ended, or is silent", r"SLURM job \d+: CANCELLED"):
        line = rf"train@sngan-A-0: the worker on n[12] was lost \({reason}\); it is tried again on another worker"
        assert len(re.findall(line, printed)) == 1
    assert printed.count("resuming after generator step") == 2
    # Only the head itself is killed, none of its child processes.
    psutil.Process(head.pid).kill()
    head.wait()
    wait_for(lambda: not list_agents() and not list_jobs(), END_SECONDS)
    output = run_on_cluster(*command[3:])
    assert "resuming after generator step" in output and "Exception" not in output
    on_workers = read_results()
    dvc("repro", "--force", "--single-item", "train@sngan-A-0")
    assert read_results() == on_workers
