"""Check a server's health: `python -m pipeline.health URL` exits with 0 if the server answers with status 200."""

import sys
import urllib.request

TIMEOUT_SECONDS = 5.0


def is_healthy(url: str, timeout: float = TIMEOUT_SECONDS) -> bool:
    """Tell whether a server answers at `url` with status 200 within `timeout` seconds."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:  # noqa: S310  The callers name the address.
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
