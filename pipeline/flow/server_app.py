"""Prefect's application, answering its own pages and programs alone, on a port of this machine."""

from collections.abc import Collection

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from pipeline.same_origin import SameOriginMiddleware, list_own_names


def run_server(host: str, port: int, names: Collection[str] = (), is_temporary: bool = False) -> None:
    """Serve until interrupted.

    Args:
        host: the address to listen at.
        port: the port to listen at.
        names: further host names at which browsers and workers call the server.
        is_temporary: whether it is for one run: without pages and schedules, and silent unless something is wrong.
    """
    settings = get_current_settings().server
    application = create_app(ephemeral=is_temporary, final=True)
    uvicorn.run(
        SameOriginMiddleware(application, list_own_names(host, names)),
        host=host,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level="error" if is_temporary else settings.logging_level.lower(),
    )
