"""A command completes its work and prints what it can if its output is not UTF-8, is closed, or is on a full disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# This program prints characters that most encodings lack, in Python, from a child and from C, and writes a result.
COMMAND = r"""
import contextlib, os, subprocess, sys
from stages.common.cli import run_command

def main():
    print("2.1 ± 0.1, caf\u00e9, \u65e5\u672c, f\udce9e.png", flush=True)
    print("caf\u00e9, \u65e5\u672c, f\udce9e.png", file=sys.stderr, flush=True)
    with open("result.txt", "w", encoding="utf-8") as result:
        result.write("written\n")
        result.flush()
        subprocess.run([sys.executable, "-c", "import os; os.write(1, b'child')"], stderr=subprocess.DEVNULL)
        print("more", flush=True)
        assert sys.stdin.read() == ""
        with contextlib.suppress(OSError):
            os.write(1, b"library")
        result.write(f"{result.fileno()}\n")
    print("end" * 10_000)

run_command(main)
"""
ASKED = r"""
from pathlib import Path
from stages.common.cli import run_command
from stages.common.streams import print_result

def main():
    Path("result.txt").write_text("written\n")
    print_result("x" * 100_000)

run_command(main)
"""


def run(
    tmp_path: Path, redirections: str = "", command: str = COMMAND, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a shell with these redirections; without them, its input is empty."""
    (tmp_path / "command.py").write_text(command, encoding="utf-8")
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} command.py {redirections}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "cp1252:strict"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "utf-8"},
    ],
)
def test_what_an_encoding_cannot_say_is_escaped(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert b"2.1 " in done.stdout and b"e.png" in done.stderr and done.stdout.endswith(b"end\n")
    assert (tmp_path / "result.txt").read_text().startswith("written\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_take_nothing_and_no_file_takes_their_place(
    tmp_path: Path, closed: str
) -> None:
    done = run(tmp_path, closed)
    assert done.returncode == 0, done.stderr
    written, number = (tmp_path / "result.txt").read_text().splitlines()
    assert written == "written" and int(number) > 2


@pytest.mark.parametrize("gone", ["| true", "| head -c 1 >/dev/null", ">/dev/full", ">/dev/full 2>&1"])
def test_a_result_is_written_although_nobody_takes_what_is_printed(tmp_path: Path, gone: str) -> None:
    done = run(tmp_path, f"{gone}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result.txt").read_text().startswith("written\n")


@pytest.mark.parametrize("gone", ["| true", ">/dev/full", ">&-"])
def test_a_command_whose_result_is_what_it_prints_says_that_it_is_lost(tmp_path: Path, gone: str) -> None:
    done = run(tmp_path, f"{gone}; exit ${{PIPESTATUS[0]}}", ASKED)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1
    assert b"standard output" in done.stderr


def test_a_command_whose_result_is_what_it_prints_prints_it(tmp_path: Path) -> None:
    done = run(tmp_path, command=ASKED)
    assert (done.returncode, done.stdout) == (0, b"x" * 100_000 + b"\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_scores_are_written_in_utf_8_whatever_the_terminal_has(tmp_path: Path, encoding: str) -> None:
    command = "from stages.common.artifacts import write_json; from pathlib import Path; "
    command += "write_json(Path('result.json'), {'name': 'f\\udce9e ±'})"
    assert run(tmp_path, command=command, PYTHONIOENCODING=encoding).returncode == 0
    assert json.loads((tmp_path / "result.json").read_text()) == {"name": "f\udce9e ±"}
