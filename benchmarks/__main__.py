"""List the commands that measure by hand."""

from functools import partial
from pathlib import Path

from stages.common.cli import run_command
from stages.common.command_list import print_commands

if __name__ == "__main__":
    run_command(partial(print_commands, __doc__ or "", Path(__file__).parent))
