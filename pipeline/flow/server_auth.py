"""The login of this project's Prefect server, which is created once and kept in Prefect's folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from stages.common.errors import InputError

FILE = "auth.txt"
USER = "admin"
PASSWORD_BYTES = 32


def read_or_create_auth(home: Path) -> str:
    """Read `user:password` from Prefect's folder; the first call creates a file that only this user can read.

    If several processes call this at once, all get the same login.

    Raises:
        InputError: the file is empty.
    """
    found = read_auth(home)
    if found is not None:
        return found
    unnamed = write_private(home, FILE, f"{create_auth()}\n")
    # If another process was faster, a hard link fails, whereas a rename would replace that process's file.
    with suppress(FileExistsError):
        (home / FILE).hardlink_to(unnamed)
    unnamed.unlink()
    made = read_auth(home)
    if made is None:
        raise InputError(
            f"{home / FILE} should hold `user:password` and is empty; remove it, and a new one is made"
        )
    return made


def write_private(home: Path, prefix: str, text: str) -> Path:
    """Write a text to a new file in Prefect's folder that only this user can read; return its path."""
    home.mkdir(parents=True, exist_ok=True)
    # mkstemp makes files that only their owner can read.
    descriptor, name = mkstemp(dir=home, prefix=prefix)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def create_auth() -> str:
    """Create `user:password` with a password that nobody can guess."""
    return f"{USER}:{secrets.token_urlsafe(PASSWORD_BYTES)}"


def read_auth(home: Path) -> str | None:
    """Read `user:password` from Prefect's folder; None if the file is missing or empty."""
    try:
        return (home / FILE).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
