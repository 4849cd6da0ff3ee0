"""Say on stderr what is being done, one line at a time."""

import sys


def tell(text: str) -> None:
    """Print one line of progress."""
    print(f"prepare: {text}", file=sys.stderr, flush=True)
