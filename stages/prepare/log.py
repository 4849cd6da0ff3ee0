"""Log the stage's progress to stderr."""

import sys


def log(text: str) -> None:
    """Log one line."""
    print(f"prepare: {text}", file=sys.stderr, flush=True)
