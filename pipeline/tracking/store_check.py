"""Check whether the store can be used before anything runs, without MLflow, whose import takes seconds."""

import importlib.util
import json
import os
import re
import sqlite3
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from pipeline.server_address import make_basic_login, make_token_login, split_address
from pipeline.sqlite_url import read_sqlite_url
from pipeline.tracking.address import (
    DATABASE,
    FOLDER,
    SERVERS,
    UNSET,
    URI_VARIABLE,
    embedded_uri,
    find_folder,
    find_uri,
    hide_password,
)
from pipeline.tracking.mlflow_settings import check_settings
from pipeline.tracking.mlflow_version import VERIFIED_VERSION
from stages.common.errors import InputError

TIMEOUT_SECONDS = 5
# Such as %41, which stands for A in addresses.
ENCODED = re.compile("%[0-9A-Fa-f]{2}")
# A larger file takes too long to be read as a whole.
LARGEST_CHECKED_BYTES = 200_000_000
# A request that every MLflow server answers.
QUESTION = "/api/2.0/mlflow/experiments/search?max_results=1"


def check_store() -> str | None:
    """Check whether the store can be used.

    Returns:
        The reason why the store cannot be used at this moment, and what to do; None if it can be used.

    Raises:
        InputError: the store cannot be used unless the user changes something; the message says what and why.
    """
    check_settings()
    uri = find_uri()
    if uri == embedded_uri():
        return check_file(find_folder() / DATABASE, str(FOLDER / DATABASE))
    return check_uri(uri, URI_VARIABLE)


def find_folder_fault() -> str | None:
    """Say why MLflow's own functions cannot load models from this store, and what to do; None if they can.

    MLflow decodes the path of a model twice, so a folder whose name has a sequence such as %41 is not found.
    """
    uri = find_uri()
    folder = find_folder().resolve() if uri == embedded_uri() else Path.cwd()
    if uri.startswith(SERVERS) or not ENCODED.search(str(folder)):
        return None
    return (
        f"{folder} has a % sequence that MLflow decodes as a character, so it does not find models there; rename the "
        "folder, or let mlflow.pyfunc.load_model(..., dst_path=FOLDER) copy them to another one"
    )


def check_uri(uri: str, owner: str) -> str | None:
    """Check the store at a URI as `check_store` does; `owner` is the option or variable that gives the URI."""
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    name = f"{owner} = {hide_password(uri)!r}"
    if scheme in SERVERS:
        return _check_server(uri, name)
    if scheme == "sqlite":
        path = _read_path(uri, name)
        return check_file(path, f"{path} of {owner}")
    return _check_database(uri, name)


def _read_path(uri: str, name: str) -> Path:
    try:
        path = read_sqlite_url(uri)
    except ValueError as error:
        raise InputError(f"{name} {error}") from None
    if path is None:
        raise InputError(
            f"{name} is a database in memory, which is lost when a program ends; name a file, or {UNSET}"
        )
    if path.parts[0] == "~":
        raise InputError(f"{name}: ~ is not expanded here; write the full path of the home folder")
    return path


def check_file(path: Path, name: str) -> str | None:
    """Check the file of an SQLite database, as `check_store` does.

    Args:
        path: the path of the file, which need not exist.
        name: the name of the file in messages.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir():
        raise InputError(f"{name} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise InputError(f"{name} is a device or a pipe, not a file; move it away, or name another file")
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise InputError(f"{name} cannot be written: the folder {folder} is read-only for this user")
    if not path.exists() or path.stat().st_size == 0:
        return None
    if not os.access(path, os.R_OK | os.W_OK):
        raise InputError(f"{name} is read-only for this user; `chmod u+rw {path}`, or move it away")
    # Only SQLite may open the file: if this process opened and closed it, SQLite's locks on it would be released.
    return _check_tables(path, name)


def _check_tables(path: Path, name: str) -> str | None:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=1)) as database:
            tables = {
                row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            is_small = path.stat().st_size <= LARGEST_CHECKED_BYTES
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0] if is_small else "ok"
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            if tables and not {"experiments", "alembic_version"} <= tables:
                raise InputError(
                    f"{name} belongs to another program: it has the tables {', '.join(sorted(tables)[:5])}, and none "
                    "of MLflow's; move it away"
                )
            query = "SELECT version_num FROM alembic_version"
            revision = database.execute(query).fetchone() if tables else None
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return f"{name} is locked by another program; end what writes to it"
        return f"{name} cannot be used now ({error})"
    except sqlite3.DatabaseError as error:
        raise InputError(_describe_damage(name, str(error))) from None
    if found != "ok":
        raise InputError(_describe_damage(name, found.splitlines()[-1]))
    if revision is not None and not _knows_revision(revision[0]):
        raise InputError(
            f"{name} was made by a newer MLflow than the installed {version('mlflow')}: install the newer one, or move "
            "the file away"
        )
    return None


def _describe_damage(name: str, reason: str) -> str:
    return f"{name} is damaged ({reason}); move it away, and the next sync makes a new one from the results on disk"


def _knows_revision(revision: str) -> bool:
    """Tell whether the installed MLflow has this revision of its tables; True if that cannot be found out."""
    package = importlib.util.find_spec("mlflow")
    if package is None or not package.submodule_search_locations or version("mlflow") != VERIFIED_VERSION:
        return True
    folder = Path(package.submodule_search_locations[0]) / "store/db_migrations/versions"
    return any(folder.glob(f"{revision}_*.py")) or not folder.is_dir()


def _check_server(uri: str, name: str) -> str | None:
    if split_address(uri) is None:
        raise InputError(f"{name} is no address of a server; give http(s)://host:port, or {UNSET}")
    request = urllib.request.Request(uri.rstrip("/") + QUESTION, headers=_make_login())  # noqa: S310  http(s) alone.
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:  # noqa: S310
            is_mlflow = isinstance(json.load(reply), dict)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise InputError(
                f"{name} refuses the call (status {error.code}); set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to the login of the server"
            ) from None
        if error.code >= 500:
            return f"the server of {name} answers with status {error.code}; look into its log"
        is_mlflow = False
    except (ValueError, UnicodeDecodeError):
        is_mlflow = False
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            # MLflow may trust other certificates than this request, so this is no fault yet.
            return None
        return f"no server answers at {name} ({reason}); start it, or {UNSET}"
    if not is_mlflow:
        raise InputError(f"{name}: the server there is not MLflow's; correct the address, or {UNSET}")
    return None


def _make_login() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{what}") for what in ("USERNAME", "PASSWORD"))
    if user and password:
        return make_basic_login(f"{user}:{password}")
    return make_token_login(token) if token else {}


def _check_database(uri: str, name: str) -> str | None:
    # SQLAlchemy takes a moment to import, and few users need it here.
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        url = make_url(uri)
        is_postgresql = url.get_backend_name() == "postgresql"
        options = {"connect_timeout": TIMEOUT_SECONDS} if is_postgresql else {}
        with create_engine(url, connect_args=options).connect():
            return None
    except ImportError as error:
        raise InputError(
            f"{name} needs the Python package {error.name or error}, which is not installed; install it, or name an "
            "installed driver (postgresql+psycopg://...)"
        ) from None
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        if "FATAL" in str(error.orig):
            raise InputError(f"{name}: the database refuses the connection ({reason})") from None
        return f"no database answers at {name} ({reason}); start it, or correct the address"
    except (SQLAlchemyError, ValueError) as error:
        raise InputError(f"{name} is no address of a database ({error})") from None
