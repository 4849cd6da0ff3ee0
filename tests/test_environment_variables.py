"""Commands work whatever variables they are started with: by cron, by a service manager, in a hardened shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.driving import PATIENCE_SECONDS, list_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("repository")]
SYNC, FLOW = "python -m pipeline.tracking sync", "python -m pipeline.flow run"
STAGE = "dvc repro --force --single-item check"
NOWHERE = "/proc/nowhere"


def run(command: str, variables: dict[str, str]) -> str:
    """Run a command with no variables but these and a PATH, and return all it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    done = subprocess.run(
        command.split(),
        env={"PATH": path} | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0 and "Traceback" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("variables", "commands"),
    [
        ({}, [SYNC, FLOW]),
        (
            {
                "HOME": NOWHERE,
                "XDG_CONFIG_HOME": NOWHERE,
                "XDG_CACHE_HOME": NOWHERE,
                "USER": "",
                "LOGNAME": "",
                "LANG": "xx_XX.UTF-8",
                "TZ": "Nowhere/None",
                "TERM": "unknown",
                "COLUMNS": "0",
            },
            [SYNC, STAGE],
        ),
        (
            {
                "LC_ALL": "C",
                "PYTHONUTF8": "0",
                "PYTHONCOERCECLOCALE": "0",
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": ".",
                "PYTHONOPTIMIZE": "2",
            },
            [SYNC, STAGE],
        ),
        ({"PYTHONSAFEPATH": "0", "PYTHONPATH": ".", "PYTHONWARNINGS": "error"}, [FLOW]),
    ],
    ids=[
        "none",
        "a home and places that are not there",
        "no UTF-8 in a hardened Python",
        "strict warnings",
    ],
)
def test_a_command_needs_no_variable_but_path_and_bears_odd_ones(
    variables: dict[str, str], commands: list[str]
) -> None:
    for command in commands:
        printed = run(command, variables)
        if command == SYNC:
            assert "MLflow has 2 of 2 trials" in printed
        elif command == FLOW:
            assert "2 of 2 trials done; 0 stages run" in printed
        else:
            assert list_run(printed) == ["check"]


def test_make_lets_python_look_into_the_folder_whatever_the_user_has_set(tmp_path: Path) -> None:
    # The target that a test of the environment needs is made already, so that only the command runs.
    Path(".venv").mkdir()
    Path(".venv/.ready").touch()
    # Python takes any value for yes, even 0.
    told = run("make -o .venv/.ready experiments", {"PYTHONSAFEPATH": "0", "HOME": str(tmp_path)})
    assert "sngan-A-0" in told
