"""Check a server's health: `python -m pipeline.health URL...` exits with 0 if each URL answers with status 200."""

import sys
import urllib.request

from stages.common.cli import run_command

TIMEOUT_SECONDS = 5.0
# Our servers are on this machine, which a proxy cannot reach.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_healthy(url: str, timeout: float = TIMEOUT_SECONDS) -> bool:
    """Tell whether a server answers at `url` with status 200 within `timeout` seconds."""
    try:
        with OPENER.open(url, timeout=timeout) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    run_command(lambda: 0 if all(is_healthy(url) for url in sys.argv[1:]) else 1)
