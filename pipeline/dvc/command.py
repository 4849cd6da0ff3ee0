"""Run a DVC command and read its output."""

import os
import subprocess
import sys

from pipeline.dvc.hash_database import use_private_folder
from stages.common.errors import InputError


def read_command(*words: str) -> str:
    """Run `dvc` with these arguments to its end, and return its standard output.

    Raises:
        InputError: the command failed; the message has its error output.
    """
    use_private_folder()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if done.returncode:
        raise InputError(f"`dvc {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout
