"""Open a page in the browser of the person who called a command, if there is a display."""

import os
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping

from pipeline.health import is_healthy

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
POLL_SECONDS = 0.2
START_SECONDS = 60.0


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Tell whether a browser can show its window to the person who called a command."""
    if platform == "darwin":
        return "SSH_CONNECTION" not in environment
    return any(environment.get(name) for name in DISPLAYS)


def open_page(page: str) -> None:
    """Open a page; nothing happens without a display."""
    if has_display(os.environ):
        webbrowser.open(page)


def open_when_healthy(page: str, health: str) -> None:
    """Start a thread that opens a page as soon as the page's server answers at the URL `health` with status 200."""
    threading.Thread(target=_open, args=(page, health), name="start of the browser", daemon=True).start()


def _open(page: str, health: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(health):
        if time.monotonic() > deadline:
            return
        time.sleep(POLL_SECONDS)
    open_page(page)
