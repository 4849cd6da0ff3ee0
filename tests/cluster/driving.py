"""Helpers for tests of flows over a cluster: prepare a repository whose trials run again, and find left workers."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pipeline.cluster.start import PACKAGES
from tests.driving import call, make_environment
from tests.flow.driving import flow
from tests.serving import can_connect, find_free_port, kill, wait_until

TRIAL_STAGES = ("train", "lipschitz", "sample", "evaluate")
SCRIPT = "pipeline.cluster.agent"
needs_dask = pytest.mark.skipif(
    any(importlib.util.find_spec(module) is None for module in PACKAGES),
    reason="requirements-cluster.txt is not installed",
)


def write_cluster(**settings: Any) -> None:
    """Write cluster.yaml to a path that Git ignores."""
    # JSON is valid YAML, and quotes every text.
    Path(".dvc/tmp/cluster.yaml").write_text(json.dumps(settings))


def run_on_cluster(*arguments: str, may_fail: bool = False) -> str:
    return flow("--cluster", ".dvc/tmp/cluster.yaml", *arguments, may_fail=may_fail)


def forget_trials() -> None:
    """Remove the outputs of trials from the folder and from DVC's cache, but keep their entries in dvc.lock."""
    stages = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    kept = {out["md5"] for name, entry in stages.items() if "@" not in name for out in entry["outs"]}
    for name in ("models", "samples", "results/train", "results/evaluate", "results/lipschitz"):
        shutil.rmtree(name)
    shutil.rmtree(".dvc/cache/runs")
    for name, entry in stages.items():
        for md5 in [out["md5"] for out in entry["outs"] if "@" in name and out["md5"] not in kept]:
            (Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]).unlink(missing_ok=True)


def list_agents() -> list[psutil.Process]:
    """List the agents of this test's workers on this machine, and the processes that work in their clones."""
    found = []
    for process in psutil.process_iter():
        try:
            is_agent = SCRIPT in process.cmdline()
            is_in_clone = "comparison-" in process.cwd() and "repository" in process.cwd()
            if (is_agent or is_in_clone) and read_test(process.environ()) == read_test(os.environ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def read_test(environment: Mapping[str, str]) -> str:
    """Read the name of the test that started a process, directly or not, from a variable that pytest sets."""
    return environment.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that no agent and no clone is left at the end of a block."""
    before = {process.pid for process in list_agents()}
    yield
    assert [process for process in list_agents() if process.pid not in before] == []


def check_nothing_changed() -> None:
    """Check that all results equal those of the commit byte for byte, by the hashes in dvc.lock."""
    assert call("git", "status", "--porcelain") == ""
    assert "differs" not in call("python", "-m", "pipeline.verify")


@contextmanager
def run_dask(
    program: str, *arguments: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `dask scheduler` or `dask worker` without a dashboard; yield the process and its address."""
    port = find_free_port()
    listening = (
        ["--port"] if program == "scheduler" else ["--nthreads", "1", "--memory-limit", "0", "--worker-port"]
    )
    pages = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    command = [
        sys.executable,
        "-m",
        f"distributed.cli.dask_{program}",
        *arguments,
        "--host",
        "127.0.0.1",
        *pages,
    ]
    process = subprocess.Popen(
        [*command, *listening, str(port)],
        env=make_environment(**environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: can_connect(port), f"Dask's {program}", pause=0.1)
        yield process, f"tcp://127.0.0.1:{port}"
    finally:
        kill(process)


def make_environment_with(folder: Path, name: str, version: str) -> dict[str, str]:
    """Return environment variables that make Python find another version of a package than the installed one."""
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
