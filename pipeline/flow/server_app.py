"""Serve Prefect's application on a port of this machine, to its own pages and to programs only."""

from collections.abc import Collection
from typing import Any

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from pipeline.flow.server_proof import ProofMiddleware, Served, write_served
from pipeline.same_origin import SameOriginMiddleware, list_own_names


def run_server(
    host: str, port: int, allowed_hosts: Collection[str] = (), served: Served | None = None
) -> None:
    """Serve until interrupted.

    Args:
        host: the address to listen at.
        port: the port to listen at.
        allowed_hosts: further host names at which browsers and workers call the server.
        served: the address and secret, which are written to Prefect's folder once the port is bound; None for the
            temporary server of one run, which has no pages and no schedules and logs only errors.
    """
    settings = get_current_settings().server
    is_temporary = served is None
    application: Any = create_app(ephemeral=is_temporary, final=True)
    if served is not None:
        application = ProofMiddleware(application, served.secret)
    config = uvicorn.Config(
        SameOriginMiddleware(application, list_own_names(host, allowed_hosts)),
        host=host,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level="error" if is_temporary else settings.logging_level.lower(),
    )
    # If another server listens on the port, this call ends the process, and flows still find the other server.
    socket = config.bind_socket()
    if served is not None:
        write_served(get_current_settings().home, served)
        print(f"Prefect's pages: {served.address} (Ctrl-C ends it).", flush=True)
    uvicorn.Server(config).run(sockets=[socket])
