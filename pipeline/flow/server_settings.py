"""Set the environment of the Prefect servers that this project starts, and of their clients.

A user's shell may hold settings for another Prefect server: a profile, an API key, headers, a database. They belong to
that server, so they are removed for the project's own servers and for flows that call them.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

from pipeline.flow.server_auth import read_or_create_auth
from pipeline.sqlite_url import make_sqlite_url

DATABASE = "prefect.db"
Environment = MutableMapping[str, str]

URL = "PREFECT_API_URL"
KEY = "PREFECT_API_KEY"
AUTH = "PREFECT_API_AUTH_STRING"
SERVER_AUTH = "PREFECT_SERVER_API_AUTH_STRING"
SERVER = "PREFECT_SERVER_"
DATABASE_SETTINGS = "PREFECT_SERVER_DATABASE_"
DATABASE_URL = f"{DATABASE_SETTINGS}CONNECTION_URL"
# This variable holds the id of the process that started the temporary server.
TEMPORARY_SERVER_PID = "COMPARISON_TEMPORARY_SERVER"
# Variables that concern this machine and not a server.
KEPT_VARIABLES = (
    "PREFECT_HOME",
    "PREFECT_LOGGING_",
    "PREFECT_DEBUG_MODE",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
)


def forget_other_servers(environment: Environment, *more_kept: str) -> None:
    """Remove the settings that belong to other Prefect servers, and disable Prefect's profiles.

    Args:
        environment: the environment of this process, which must not have imported Prefect yet, or of a later process.
        more_kept: prefixes of further variables that are kept.
    """
    kept = (*KEPT_VARIABLES, *more_kept)
    for name in [name for name in environment if name.startswith("PREFECT_") and not name.startswith(kept)]:
        del environment[name]
    environment["PREFECT_PROFILES_PATH"] = os.devnull


def use_server(environment: Environment, url: str, auth: str | None) -> None:
    """Make Prefect's clients in this process, and in its child processes, call a server of this project.

    Args:
        environment: the environment, as in `forget_other_servers`.
        url: the URL of the server's API.
        auth: the login `user:password`; None for a server without a login.
    """
    forget_other_servers(environment)
    environment[URL] = url
    if auth is not None:
        environment[AUTH] = auth


def prepare_server(environment: Environment, address: str, home: Path) -> None:
    """Prepare the environment of a server of this project; PREFECT_SERVER_* variables of the user are kept.

    Args:
        environment: the environment, as in `forget_other_servers`.
        address: the address at which this machine calls the server.
        home: Prefect's folder.
    """
    forget_other_servers(environment, SERVER)
    auth = environment.get(SERVER_AUTH) or read_or_create_auth(home)
    settings = list_server_settings(address, home, auth)
    if any(name.startswith(DATABASE_SETTINGS) for name in environment):
        # The full URL would override the parts of an address that the user has set.
        del settings[DATABASE_URL]
    environment.update(settings | dict(environment))
    # The server's own services call its API.
    environment.update({URL: f"{address}/api", AUTH: auth})


def list_server_settings(address: str, home: Path, auth: str) -> dict[str, str]:
    """List the settings of a server of this project, by environment variable.

    Args:
        address: the address at which this machine calls the server.
        home: Prefect's folder.
        auth: the login of clients, `user:password`.
    """
    return {
        SERVER_AUTH: auth,
        # Prefect's default URL contains the folder's path unescaped, whatever characters it has.
        DATABASE_URL: make_sqlite_url(home / DATABASE, "sqlite+aiosqlite"),
        # By default every origin may read the answers.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
        # With a relative URL the pages call the API at the address from which the browser loaded the pages.
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # By default Prefect copies its pages to a folder beside its code, where not every user may write.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "pages"),
        # By default a lease on a deployment's only slot is kept in memory: when the server ends in the middle of a run,
        # the lease is lost, the slot stays taken, and every later run is cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
