"""The address of an SQLite file as SQLAlchemy reads it, for MLflow's store and Prefect's database."""

import os
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

from stages.common.errors import InputError


def make_sqlite_url(path: Path, driver: str = "sqlite") -> str:
    """Make the address of a file, whatever characters its path holds.

    SQLAlchemy reads everything after the first question mark as options, and decodes nothing before it. So a path with
    a question mark is written relative to the working folder. If the relative path has one too, the address uses
    SQLite's own URI form, which is percent-encoded.
    """
    text = str(path.resolve())
    if "?" in text:
        text = os.path.relpath(text)
    if "?" in text:
        return f"{driver}:///file:{quote(str(path.resolve()))}?uri=true"
    return f"{driver}:///{text}"


def read_sqlite_url(url: str) -> Path | None:
    """Read the path in an address, absolute or relative to the working folder; None for a database in memory.

    Raises:
        InputError: the address names a host.
    """
    place, _, options = url.partition("://")[2].partition("?")
    if place and not place.startswith("/"):
        raise InputError(
            "names a host; write the path of an SQLite file behind three slashes: sqlite:////absolute/path or "
            "sqlite:///path/from/here"
        )
    text = place[1:]
    if text.startswith("file:") and parse_qs(options).get("uri"):
        text = unquote(text.removeprefix("file:"))
    return Path(text) if text and text != ":memory:" else None
