"""A warning of a library ends no command of the project, whatever the user's filters are for other programs."""

import subprocess
import sys

import pytest

from tests.driving import ROOT, make_environment

# As `python -m pipeline...` imports the package, and then something that warns, in this process and in one of its own.
COMMAND = """
import subprocess, sys, warnings
sys.argv[:] = [START]
import pipeline
WARN = "import warnings; warnings.warn('of a library', DeprecationWarning); warnings.warn('of another')"
exec(WARN)
print("here")
arguments = subprocess._args_from_interpreter_flags()
subprocess.run([sys.executable, *arguments, "-c", WARN + "; print('there')"], check=True)
"""


def run(start: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", COMMAND.replace("START", repr(start))]
    return subprocess.run(
        command, cwd=ROOT, env=make_environment(**environment), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("options", "variable"),
    [
        ((), "error"),
        ((), "e,ignore::ImportWarning"),
        ((), "default,error::DeprecationWarning"),
        (("-W", "error"), ""),
        (("-W", "err::UserWarning"), "error::DeprecationWarning"),
    ],
)
def test_filters_that_make_errors_are_not_those_of_a_command(options: tuple[str, ...], variable: str) -> None:
    done = run("-m", *options, PYTHONWARNINGS=variable)
    assert (done.returncode, done.stdout) == (0, "here\nthere\n"), done.stderr
    assert done.stderr.count("UserWarning: of another") == 2


def test_other_filters_of_the_user_stay() -> None:
    done = run("-m", PYTHONWARNINGS="error,ignore::UserWarning")
    assert done.stdout == "here\nthere\n" and "of another" not in done.stderr


def test_another_program_that_imports_the_package_keeps_its_filters() -> None:
    done = run("program.py", PYTHONWARNINGS="error::DeprecationWarning")
    assert done.returncode == 1 and "DeprecationWarning: of a library" in done.stderr
