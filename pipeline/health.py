"""Check a server's health: `python -m pipeline.health URL...` exits with 0 if each URL answers with status 200."""

import urllib.request

from stages.common.cli import run_command
from stages.common.command_line import CommandParser

TIMEOUT_SECONDS = 5.0
# The servers of this project are on this machine, which a proxy cannot reach.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_healthy(url: str, timeout: float = TIMEOUT_SECONDS) -> bool:
    """Tell whether a server answers at `url` with status 200 within `timeout` seconds."""
    try:
        with OPENER.open(url, timeout=timeout) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


def main() -> int:
    """Parse the command line, and return the exit code: 0 if every server is healthy, else 1."""
    parser = CommandParser(__doc__)
    parser.add_argument("urls", nargs="+", metavar="URL", help="such as http://127.0.0.1:5000/health")
    return 0 if all(is_healthy(url) for url in parser.parse_args().urls) else 1


if __name__ == "__main__":
    run_command(main)
