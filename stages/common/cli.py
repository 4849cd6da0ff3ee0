"""The parts that all commands share: the arguments that name a trial or an entry, and messages for errors."""

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stages.common.artifacts import Trial
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.common.grid import NAMES, Grid
from stages.common.params import ParamsError, find_faults
from stages.common.streams import secure_streams

FULL = "What was finished is kept: free some space and call the same command again"
FORBIDDEN = "Let this user read and write there, or call the command where the user may write"
CURES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: "The results lie in the folder of the repository: work in a copy on a file system that can be written",
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
}

# A shell, or git when it calls a hook, sets these variables to work in a repository other than the working folder's.
OTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")


def parse_trial(description: str | None = None) -> Trial:
    """Parse `--gan --setting --seed`, which name a trial; all parameters of the trial are in params.yaml.

    Raises:
        ParamsError: a name or the seed is not one that params.yaml accepts.
    """
    parser = CommandParser(description)
    parser.add_argument("--gan", required=True, help="a file of stages/gans/, such as sngan")
    parser.add_argument("--setting", required=True, help="a letter under `settings` in params.yaml")
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()
    make = partial(Grid, gans=[arguments.gan], settings_used=[arguments.setting], seeds=[arguments.seed])
    faults = find_faults(make, "")
    if faults:
        raise ParamsError(faults, Path("the command line"))
    return Trial(arguments.gan, arguments.setting, arguments.seed)


def parse_entry(description: str | None = None) -> str:
    """Parse `--entry`, the name of an entry under `entries` in params.yaml.

    Raises:
        ParamsError: the name is not one that params.yaml accepts.
    """
    parser = CommandParser(description)
    parser.add_argument("--entry", required=True, help="a name under `entries` in params.yaml")
    name = str(parser.parse_args().entry)
    faults = find_faults(partial(NAMES.validate_python, [name]), "--entry")
    if faults:
        raise ParamsError(faults, Path("the command line"))
    return name


def run_command(main: Callable[[], int | None], description: str | None = None) -> None:
    """Run a command, and exit with the code that it returns unless that is 0.

    An error of input or of the operating system ends the process with one message and exit code 1. Any other exception
    is a bug, of this project or of a user's own GAN, and keeps its traceback. Git, in this process and in those that it
    starts, uses the repository of the working folder.

    Args:
        main: the function that does the work and returns the exit code, None for 0.
        description: the text of `--help` for a command without arguments; None if `main` parses arguments itself.
    """
    secure_streams()
    for name in OTHER_REPOSITORY:
        os.environ.pop(name, None)
    if description is not None:
        CommandParser(description).parse_args()
    try:
        code = main()
    except (InputError, OSError) as error:
        sys.exit(f"error: {describe_error(error)}")
    if code:
        sys.exit(code)


def describe_error(error: Exception) -> str:
    """Return the message of an error of input or of the system, with a cure where one is known."""
    if not isinstance(error, OSError) or error.errno not in CURES:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}. {CURES[error.errno]}"
