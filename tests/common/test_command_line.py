"""What a person mistypes on a command line is named in one line, with the nearest name that exists."""

import sys
from pathlib import Path

import pytest

from stages.common.command_line import CommandParser, add_command
from stages.common.command_list import list_commands
from tests.driving import ROOT, call


def make_parser() -> CommandParser:
    parser = CommandParser("Do something.", prog="python -m mine")
    commands = parser.add_subparsers(dest="command", required=True)
    run = add_command(commands, "run", "bring all up to date")
    run.add_argument("--jobs", type=int)
    run.add_argument("--device", choices=["cpu", "cuda"])
    add_command(commands, "schedule", "run by the clock")
    return parser


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "ruun",
            "argument command: ruun is unknown (did you mean run?); there is run, schedule; `python -m mine --help`",
        ),
        ("shedule", "shedule is unknown (did you mean schedule?); there is run, schedule"),
        ("frobnicate", "frobnicate is unknown; there is run, schedule"),
        (
            "run --jbos 2",
            "unrecognized arguments: --jbos 2 (did you mean --jobs?); `python -m mine run --help`",
        ),
        (
            "run --job=2",
            "unrecognized arguments: --job=2 (did you mean --jobs?); `python -m mine run --help`",
        ),
        ("schedule --hlep", "--hlep (did you mean --help?); `python -m mine schedule --help`"),
        ("run --device cud", "argument --device: cud is unknown (did you mean cuda?); there is cpu, cuda"),
        ("run smoke", "unrecognized arguments: smoke; `python -m mine run --help` says what there is"),
    ],
)
def test_a_typing_error_is_named_with_what_was_meant(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        make_parser().parse_args(words.split())
    printed = capsys.readouterr()
    assert end.value.code == 2 and printed.out == ""
    assert message in printed.err and printed.err.count("\n") == 1


@pytest.mark.parametrize("package", ["pipeline", "stages", "benchmarks"])
def test_a_package_lists_its_commands_within_80_columns(package: str) -> None:
    lines = call(sys.executable, "-m", package, folder=ROOT).splitlines()
    names = [name for name, _ in list_commands(ROOT / package)]
    assert names and [line for line in lines if not line.startswith(" ")] == [
        f"python -m {name}" for name in names
    ]
    assert max(map(len, lines)) <= 80


def test_all_commands_are_listed_with_what_they_do(tmp_path: Path) -> None:
    package = tmp_path / "mine"
    (package / "train").mkdir(parents=True)
    command = '"""Train a GAN.\n\nSlowly.\n"""\nif __name__ == "__main__":\n    pass\n'
    for name in ("__main__.py", "train/__main__.py", "look.py"):
        (package / name).write_text(command)
    (package / "library.py").write_text('"""Hold functions."""\n')
    assert list(list_commands(package)) == [("mine.look", "Train a GAN."), ("mine.train", "Train a GAN.")]
