"""The command line that all stages share: which trial, and how an error that a user can mend is told."""

import argparse
import errno
import sys
from collections.abc import Callable

from stages.common.artifacts import Trial


def parse_trial(description: str | None = None) -> Trial:
    """Read `--gan --setting --seed` from the command line: identity only, every number lies in params.yaml."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--gan", required=True, help="a file of stages/gans/, such as sngan")
    parser.add_argument("--setting", required=True, help="a letter under `settings` in params.yaml")
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()
    return Trial(arguments.gan, arguments.setting, arguments.seed)


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; an error of input or disk ends it with one message and exit code 1, without a traceback.

    Anything else is a fault of ours and keeps its traceback.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {_tell(error)}")


def _tell(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return (
            f"no space left on the disk{where}. What was finished is kept: free some space and call the "
            "same command again"
        )
    return str(error)
