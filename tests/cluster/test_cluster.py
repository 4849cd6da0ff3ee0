"""Flows over real Dask workers on this machine give the same bytes as DVC alone."""

from pathlib import Path

import pytest

from tests.cluster.driving import (
    TRIAL_STAGES,
    check_nothing_changed,
    forget_trials,
    needs_dask,
    nothing_left,
    run_on_cluster,
    write_cluster,
)
from tests.driving import call, commit

pytestmark = [
    pytest.mark.slow,
    needs_dask,
    pytest.mark.usefixtures("repository"),
]


def test_what_workers_make_is_what_dvc_alone_made_and_a_second_flow_runs_nothing() -> None:
    forget_trials()
    write_cluster(kind="local", max_jobs=2)
    with nothing_left():
        output = run_on_cluster()
    assert "2 of 2 trials done; " in output
    for stage in TRIAL_STAGES:
        assert f"> python -m stages.{stage} --gan sngan" in output
    check_nothing_changed()
    assert list(Path("timings/sngan-A-0").glob("*.jsonl"))
    # No worker is started for a cached stage.
    write_cluster(kind="address", max_jobs=2, address="tcp://127.0.0.1:1")
    assert "2 of 2 trials done; 0 stages run, " in run_on_cluster()


def test_without_a_common_disk_results_come_by_a_remote(tmp_path: Path) -> None:
    call("dvc", "remote", "add", "store", str(tmp_path / "store"))
    commit("a remote")
    forget_trials()
    write_cluster(kind="local", max_jobs=2, remote="store")
    with nothing_left():
        output = run_on_cluster()
    assert "2 of 2 trials done; " in output
    check_nothing_changed()
    assert (tmp_path / "store/runs").is_dir()
