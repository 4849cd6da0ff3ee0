"""Log the stage's progress to stderr."""

import sys


def log(text: str) -> None:
    """Print one line to stderr, after the name of the stage."""
    print(f"prepare: {text}", file=sys.stderr, flush=True)
