"""A flow over a scheduler and workers that somebody else has started."""

import time
from pathlib import Path

import pytest

from tests.cluster.driving import (
    list_agents,
    make_environment_with,
    needs_dask,
    nothing_left,
    run_dask,
    run_on_cluster,
    write_cluster,
)
from tests.driving import change
from tests.flow.driving import LOG, list_checkpoints, read_log_end, start_flow
from tests.serving import kill, wait_until

pytestmark = [
    pytest.mark.slow,
    needs_dask,
    pytest.mark.usefixtures("repository"),
]
END_SECONDS = 60


def test_a_worker_with_other_packages_is_refused_and_a_scheduler_that_is_lost_ends_the_flow(
    tmp_path: Path,
) -> None:
    change(lambda params: params["train"].update(generator_steps=3000, checkpoint_every_generator_steps=50))
    write_cluster(kind="address", max_jobs=1, address="tcp://127.0.0.1:1")
    printed = run_on_cluster("--trials", "sngan-A-0", may_fail=True)
    assert "no scheduler of Dask has answered at address tcp://127.0.0.1:1 within 10 seconds" in printed
    assert "Running stage" not in printed
    other = make_environment_with(tmp_path / "packages", "tqdm", "1.0")
    with nothing_left(), run_dask("scheduler") as (scheduler, address):
        scratch = tmp_path / "scratch"
        write_cluster(kind="address", max_jobs=1, address=address, scratch=str(scratch))
        with run_dask("worker", address, "--no-nanny", **other), run_dask("worker", address):
            began = time.time()
            head = start_flow("run", "--cluster", ".dvc/tmp/cluster.yaml", "--trials", "sngan-A-0")
            wait_until(
                lambda: bool(list_checkpoints(scratch, began)) or head.poll() is not None, "a checkpoint"
            )
            assert head.poll() is None, read_log_end()
            kill(scheduler)
            wait_until(lambda: not list_agents(), "the agents' end", END_SECONDS)
            assert head.wait(END_SECONDS) == 1
    printed = LOG.read_text(errors="replace")
    assert "is refused: tqdm 1.0 is installed, constraints.txt has ==" in printed
    assert "error: the cluster's scheduler does not answer any more" in printed
    assert "Traceback" not in printed and "Retry" not in printed
