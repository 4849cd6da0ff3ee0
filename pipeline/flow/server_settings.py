"""What Prefect's servers that we start, and their clients, find in the environment: our settings alone.

A user's shell may hold settings for another Prefect server: a profile, an API key, headers, a database. They belong to
that server, so neither a server of ours nor a flow that calls one sees them.
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
# Names the process whose temporary server a flow calls.
TEMPORARY_SERVER_PID = "COMPARISON_TEMPORARY_SERVER"
# What is about this machine and not about a server.
KEPT_VARIABLES = (
    "PREFECT_HOME",
    "PREFECT_LOGGING_",
    "PREFECT_DEBUG_MODE",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
)


def forget_other_servers(environment: Environment, *more_kept: str) -> None:
    """Remove the settings that belong to other Prefect servers, also those that a profile would bring.

    Args:
        environment: that of this process, which has not imported Prefect yet, or of one that will be started.
        more_kept: beginnings of names that stay.
    """
    kept = (*KEPT_VARIABLES, *more_kept)
    for name in [name for name in environment if name.startswith("PREFECT_") and not name.startswith(kept)]:
        del environment[name]
    environment["PREFECT_PROFILES_PATH"] = os.devnull


def use_server(environment: Environment, url: str, auth: str | None) -> None:
    """Let Prefect's clients in this process, and in those that it starts, call a server of ours.

    Args:
        environment: the environment, as in `forget_other_servers`.
        url: the URL of the server's API.
        auth: what the server asks for, `user:password`; None for a server that asks for nothing.
    """
    forget_other_servers(environment)
    environment[URL] = url
    if auth is not None:
        environment[AUTH] = auth


def prepare_server(environment: Environment, address: str, home: Path) -> None:
    """Prepare the environment of a server of ours; what the user has set for this server stays.

    Args:
        environment: the environment, as in `forget_other_servers`.
        address: the address at which this machine calls the server.
        home: Prefect's folder.
    """
    forget_other_servers(environment, SERVER)
    auth = environment.get(SERVER_AUTH) or read_or_create_auth(home)
    settings = list_server_settings(address, home, auth)
    if any(name.startswith(DATABASE_SETTINGS) for name in environment):
        # An address would overrule the parts of one that the user has set.
        del settings[DATABASE_URL]
    environment.update(settings | dict(environment))
    # The server's own services call its API.
    environment.update({URL: f"{address}/api", AUTH: auth})


def list_server_settings(address: str, home: Path, auth: str) -> dict[str, str]:
    """List the settings of a server of ours, by variable.

    Args:
        address: the address at which this machine calls it.
        home: Prefect's folder.
        auth: what clients have to show, `user:password`.
    """
    return {
        SERVER_AUTH: auth,
        # By default Prefect makes this of its folder's name as it stands, whatever characters that holds.
        DATABASE_URL: make_sqlite_url(home / DATABASE, "sqlite+aiosqlite"),
        # By default every origin may read the answers.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
        # Relative: the pages find the API wherever a browser found the pages.
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # By default Prefect copies its pages to a folder beside its code, where not every user may write.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "pages"),
        # By default a lease on a deployment's only slot is kept in memory: when the server ends in the middle of a run,
        # the lease is lost, the slot stays taken, and every later run is cancelled.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
