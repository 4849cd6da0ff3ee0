import errno
import os

import pytest

from stages.common.artifacts import Trial
from stages.common.cli import parse_trial, run_command
from stages.common.errors import InputError
from stages.common.params import ParamsError


def fail(error: BaseException) -> None:
    raise error


def test_an_error_of_input_is_one_line_and_exit_code_1() -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: fail(InputError("x is 3, expected 4")))
    assert caught.value.code == "error: x is 3, expected 4"


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "models/x: No space left on device. What was finished is kept: free some space"),
        (errno.EDQUOT, "models/x: Disk quota exceeded. What was finished is kept: free some space"),
        (errno.EROFS, "models/x: Read-only file system. The results lie in the folder of the repository"),
        (errno.EACCES, "models/x: Permission denied. Let this user read and write there"),
        (errno.EPERM, "models/x: Operation not permitted. Let this user read and write there"),
    ],
)
def test_an_error_of_the_disk_names_the_file_the_cause_and_the_cure(number: int, cure: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: fail(OSError(number, os.strerror(number), "models/x")))
    assert f"error: {cure}" in str(caught.value.code)


def test_a_command_exits_with_the_code_that_it_returns() -> None:
    run_command(lambda: None)
    run_command(lambda: 0)
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: 3)
    assert caught.value.code == 3


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("of somebody's own GAN"), RuntimeError("x")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_command(lambda: fail(error))


def test_the_command_line_names_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train", "--gan", "sngan", "--setting", "A", "--seed", "3"])
    assert parse_trial() == Trial("sngan", "A", 3)
    assert parse_trial().name == "sngan-A-3"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--gan", "../x"),
        ("--gan", ".."),
        ("--gan", ""),
        ("--setting", "../../A"),
        ("--setting", "A-B"),
        ("--seed", "-1"),
    ],
)
def test_a_name_that_no_trial_has_is_refused(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"--gan": "sngan", "--setting": "A", "--seed": "3"} | {option: value}
    monkeypatch.setattr("sys.argv", ["train", *(f"{name}={word}" for name, word in words.items())])
    with pytest.raises(ParamsError, match="the command line has 1 fault"):
        parse_trial()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gan", "sngan"], "the following arguments are required: --setting, --seed"),
        (["--gan", "sngan", "--stting=A"], "unrecognized arguments: --stting=A (did you mean --setting?)"),
        (["--gan", "sngan", "--setting", "A", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--gan", "sngan", "--setting", "A", "--seed", "3", "a\nb"], "unrecognized arguments: a b"),
        (["--gan", "sngan", "--set", "A", "--seed", "3"], "unrecognized arguments: --set"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train", *words])
    with pytest.raises(SystemExit) as caught:
        parse_trial()
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {message}; `") and told.count("\n") == 1
