"""The command line that all stages share: the arguments that name a trial, and one-line errors for the user."""

import argparse
import errno
import sys
from collections.abc import Callable

from stages.common.artifacts import Trial


def parse_trial(description: str | None = None) -> Trial:
    """Parse `--gan --setting --seed`; they only name the trial, all its numbers are in params.yaml."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--gan", required=True, help="a file of stages/gans/, such as sngan")
    parser.add_argument("--setting", required=True, help="a letter under `settings` in params.yaml")
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()
    return Trial(arguments.gan, arguments.setting, arguments.seed)


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; an error in its input or of the disk ends the process with one message and exit code 1.

    Any other exception is a bug of ours and keeps its traceback.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {_format_error(error)}")


def _format_error(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return (
            f"no space left on the disk{where}. What was finished is kept: free some space and call the "
            "same command again"
        )
    return str(error)
