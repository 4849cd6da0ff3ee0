"""Flows over a cluster: a repository whose trials are to run again, and what is left of workers."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.driving import call
from tests.flow.driving import flow

TRIAL_STAGES = ("train", "lipschitz", "sample", "evaluate")
SCRIPT = "pipeline.cluster.agent"


def write_cluster(**settings: Any) -> None:
    """Write cluster.yaml where Git ignores it."""
    # YAML holds JSON, in which text is quoted.
    Path(".dvc/tmp/cluster.yaml").write_text(json.dumps(settings))


def run_on_cluster(*arguments: str, may_fail: bool = False) -> str:
    return flow("--cluster", ".dvc/tmp/cluster.yaml", *arguments, may_fail=may_fail)


def forget_trials() -> None:
    """Remove what trials have made from the folder and from DVC's cache, but not from dvc.lock."""
    stages = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    kept = {out["md5"] for name, entry in stages.items() if "@" not in name for out in entry["outs"]}
    for name in ("models", "samples", "results/train", "results/evaluate", "results/lipschitz"):
        shutil.rmtree(name)
    shutil.rmtree(".dvc/cache/runs")
    for name, entry in stages.items():
        for md5 in [out["md5"] for out in entry["outs"] if "@" in name and out["md5"] not in kept]:
            (Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]).unlink(missing_ok=True)


def list_agents() -> list[psutil.Process]:
    """List the agents of workers on this machine, and what works in their clones."""
    found = []
    for process in psutil.process_iter():
        try:
            is_agent = SCRIPT in process.cmdline()
            if is_agent or ("comparison-" in process.cwd() and "repository" in process.cwd()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def nothing_left() -> Iterator[None]:
    """Hold that no agent is left by a block, nor a clone."""
    before = {process.pid for process in list_agents()}
    yield
    assert [process for process in list_agents() if process.pid not in before] == []


def check_nothing_changed() -> None:
    """Hold that all results are those of the commit, byte for byte: dvc.lock has their hashes."""
    assert call("git", "status", "--porcelain") == ""
    assert "differs" not in call("python", "-m", "pipeline.verify")
