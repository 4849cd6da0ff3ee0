"""Helpers that use the project as a person does: copy the working tree, change its params, and run commands in it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 900
# This runs DVC as a flow does: stages are forked from its process, which has imported torch once for all of them.
_FORKING_DVC = """
import importlib, sys
from pipeline.dvc.fork_server import PRELOADED
from pipeline.dvc.patches import apply_patches
for module in PRELOADED:
    importlib.import_module(module)
apply_patches()
from dvc.cli import main
sys.exit(main(sys.argv[1:]))
"""
FORK_DVC = [sys.executable, "-c", _FORKING_DVC]


def copy_working_tree(folder: Path) -> None:
    """Make a Git repository of the working tree's files with the smoke preset and nothing run yet."""
    listed = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT).split(
        "\0"
    )
    for name in filter(lambda name: name and (ROOT / name).is_file() and name != "dvc.lock", listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    call("git", "init", "--quiet", folder=folder)
    # DVC's experiments are commits, so Git needs a user's name.
    for key, value in (("name", "test"), ("email", "test@localhost")):
        call("git", "config", f"user.{key}", value, folder=folder)
    call(sys.executable, "-m", "pipeline.preset", "smoke", "--force", folder=folder)


@contextmanager
def working_copy(folder: Path, edit: Callable[[dict[str, Any]], object]) -> Iterator[pytest.MonkeyPatch]:
    """Make a repository as `copy_working_tree` does, edit its params.yaml, and work in it until the block ends."""
    copy_working_tree(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        change(edit)
        yield patch


@contextmanager
def thread_count_kept() -> Iterator[None]:
    """Restore torch's number of threads, which stages set, at the end of a block."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def change(edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit the params.yaml of the current folder."""
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text())
    edit(params)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def make_environment(**more: str) -> dict[str, str]:
    """Make the environment of a command: this interpreter's programs, no telemetry, the embedded MLflow store."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}
    # If `make` runs the tests, its variables would change the output of a `make` inside a test.
    for name in ("MLFLOW_TRACKING_URI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environment.pop(name, None)
    return environment | {"MLFLOW_DISABLE_TELEMETRY": "true"} | more


def call(*command: str, folder: Path | None = None, may_fail: bool = False, **environment: str) -> str:
    """Run a command to its end and return its whole output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=make_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert may_fail or done.returncode == 0, done.stdout
    return done.stdout


def commit(message: str) -> None:
    """Commit all files of the current folder's repository."""
    call("git", "add", ".")
    call("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", message)


def dvc(*arguments: str, may_fail: bool = False) -> str:
    return call("dvc", *arguments, may_fail=may_fail)


def list_run(output: str) -> list[str]:
    """List the stages that DVC ran, from its output, except `source`, which always runs."""
    stages = re.findall(r"^Running stage '([^']+)':", output, flags=re.MULTILINE)
    return [stage for stage in stages if stage != "source"]


def fork_dvc(*arguments: str) -> str:
    """Run a command of DVC with forked stages, which takes less time than `dvc` if several stages run."""
    return call(*FORK_DVC, *arguments)
