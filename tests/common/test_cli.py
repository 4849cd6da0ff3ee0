import errno

import pytest

from stages.common.artifacts import Trial
from stages.common.cli import parse_trial, run_stage


def fail(error: BaseException) -> None:
    raise error


def test_an_error_of_input_is_one_line_and_exit_code_1() -> None:
    with pytest.raises(SystemExit) as caught:
        run_stage(lambda: fail(ValueError("x is 3, expected 4")))
    assert caught.value.code == "error: x is 3, expected 4"


def test_the_error_of_a_full_disk_names_the_file_and_says_that_nothing_is_lost() -> None:
    with pytest.raises(SystemExit) as caught:
        run_stage(lambda: fail(OSError(errno.ENOSPC, "No space left on device", "models/x")))
    assert "no space left on the disk while writing models/x. What was finished is kept" in str(
        caught.value.code
    )


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        run_stage(lambda: fail(KeyError("x")))


def test_the_command_line_names_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train", "--gan", "sngan", "--setting", "A", "--seed", "3"])
    assert parse_trial() == Trial("sngan", "A", 3)
    assert parse_trial().name == "sngan-A-3"
