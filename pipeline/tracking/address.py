"""Find the store that MLflow uses, without importing MLflow: that of MLFLOW_TRACKING_URI, or this repository's own."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pipeline import tracking
from pipeline.sqlite_url import make_sqlite_url
from pipeline.tracking.dvc_experiment import find_repository
from stages.common.errors import InputError

FOLDER = Path(tracking.FOLDER)
DATABASE = "mlflow.db"
# The last sync wrote to this file the link to the table of all trials, relative to the UI's address.
LINK_FILE = FOLDER / "table_link.txt"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
UNSET = f"unset {URI_VARIABLE} to use {FOLDER / DATABASE}"


def find_uri() -> str:
    """Return MLFLOW_TRACKING_URI or, if it is not set, the URI of the embedded store.

    Raises:
        InputError: MLFLOW_TRACKING_URI names neither a server nor a database.
    """
    uri = os.environ.get(URI_VARIABLE, "").strip()
    if not uri:
        return embedded_uri()
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme not in SERVERS + DATABASES or "://" not in uri:
        raise InputError(
            f"{URI_VARIABLE} = {hide_password(uri)!r} is no tracking server; give http(s)://host:port or a database "
            f"such as postgresql://user@host/name, or {UNSET} (MLflow no longer stores runs in plain folders)"
        )
    return uri


def find_folder() -> Path:
    """Return the folder of the embedded store."""
    return find_repository() / FOLDER


def embedded_uri() -> str:
    """Return the URI of the embedded store."""
    return make_sqlite_url(find_folder() / DATABASE)


def find_ui(uri: str) -> tuple[str, bool]:
    """Return the address of a store's UI for browsers, without a password, and whether a server already runs there."""
    page, parts = os.environ.get(tracking.UI_URL, "").strip(), urlsplit(uri)
    is_served = parts.scheme in SERVERS
    own = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    default = own if is_served else f"http://{tracking.UI_HOST}:{tracking.UI_PORT}"
    return (page or default).rstrip("/"), is_served or bool(page)


def read_link() -> str:
    """Read the link to the table of all trials; "" before the first sync."""
    return LINK_FILE.read_text(encoding="utf-8").strip() if LINK_FILE.exists() else ""


def hide_password(uri: str) -> str:
    """Return a URI with its password replaced by ***."""
    return re.sub(r"(//[^/@]*?:).*@", r"\1***@", uri)
