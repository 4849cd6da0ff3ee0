"""Every command describes itself by --help, and refuses an unknown option with one line without doing anything."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import Answer, call_commands
from tests.driving import ROOT

FOLDERS = ("stages", "pipeline", "benchmarks", "tests/campaigns")
SUBCOMMANDS = [
    "pipeline.flow run",
    "pipeline.flow schedule",
    "pipeline.flow server",
    "pipeline.flow worker",
    "pipeline.tracking sync",
    "pipeline.tracking follow",
    "pipeline.tracking ui",
    "pipeline.tracking server",
    "pipeline.tracking model",
    "stages.sample export",
    "stages.evaluate --gan sngan",
]
SCRIPTS = [".ci/run", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/*.sh"))]
UNKNOWN = "--frobnicate"


def is_command(file: Path) -> bool:
    tests = [
        node.test for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.If)
    ]
    return any("'__main__'" in ast.unparse(test) for test in tests)


def list_commands() -> list[str]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")) if is_command(file)]
    names = [str(file.relative_to(ROOT)).removesuffix(".py").removesuffix("/__main__") for file in files]
    return [*(name.replace("/", ".") for name in names), *SUBCOMMANDS]


COMMANDS = list_commands()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Answer]:
    """Call every command with --help and with an unknown option, in a repository without results."""
    folder, empty = tmp_path_factory.mktemp("answers"), tmp_path_factory.mktemp("empty")
    for name in ("presets", "dvc.yaml", ".dvc"):
        (empty / name).symlink_to(ROOT / name)
    calls = [(command, option) for command in COMMANDS for option in ("--help", UNKNOWN)]
    found = call_commands([(*command.split(), option) for command, option in calls], folder, empty)
    assert {path.name for path in empty.iterdir()} == {"presets", "dvc.yaml", ".dvc"}
    return dict(zip(calls, found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_what_the_command_does(command: str, answers: dict[tuple[str, str], Answer]) -> None:
    answer = answers[command, "--help"]
    assert (answer.code, answer.error) == (0, "")
    first = answer.out.splitlines()[0]
    assert first[0].isupper() and len(first.split()) > 3 and not first.startswith("usage")
    usage = answer.out[answer.out.index("usage: ") :]
    assert usage.startswith(f"usage: python -m {command.partition(' --')[0]} ")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_refused_in_one_line(
    command: str, answers: dict[tuple[str, str], Answer]
) -> None:
    answer = answers[command, UNKNOWN]
    assert (answer.code, answer.out) == (2, "")
    assert answer.error.startswith(f"error: unrecognized arguments: {UNKNOWN}; ")
    assert answer.error.count("\n") == 1
    assert answer.error.endswith("--help` says what there is\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_what_it_does_and_refuses_what_it_does_not_know(script: str, tmp_path: Path) -> None:
    def call(option: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", ROOT / script, option],
            cwd=tmp_path,
            env=os.environ | {"OUT": str(tmp_path), "WORK": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    told, refused = call("--help"), call(UNKNOWN)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout[0].isupper() and len(told.stdout.splitlines()[0].split()) > 3
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"error: {UNKNOWN} is unknown; `{script} --help` says what there is\n"
