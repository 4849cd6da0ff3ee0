"""Ask a server whether it is well: `python -m pipeline.health URL` exits with 0 when it is."""

import sys
import urllib.request

PATIENCE_SECONDS = 5.0


def is_healthy(url: str, seconds: float = PATIENCE_SECONDS) -> bool:
    """Tell whether a server of ours answers at `url` that it is well."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as reply:  # noqa: S310  an address of ours
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
