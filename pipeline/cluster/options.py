"""Options of Dask's schedulers and workers that all kinds of clusters share."""

from typing import Any

CONNECT_SECONDS = 10
# A worker ends if its scheduler has not answered for these seconds.
DEATH_SECONDS = 30
# Dask always starts an HTTP server. It listens on this machine only.
PAGES = "127.0.0.1:0"
# The Dask worker itself needs one thread and no memory limit, because stages run in the separate agent.
WORKER_OPTIONS = [
    "--dashboard-address",
    PAGES,
    "--no-dashboard",
    "--nthreads",
    "1",
    "--memory-limit",
    "0",
    "--death-timeout",
    str(DEATH_SECONDS),
]
# A worker counts as lost if the scheduler has not heard from it for `worker_ttl` seconds, and another one is started.
# Dask's default of five minutes is for tasks that keep a worker's interpreter busy, which stages do not.
SCHEDULER_OPTIONS: dict[str, Any] = {"dashboard": False, "worker_ttl": 60}


def make_security() -> Any:
    """Make certificates for this run, since whoever can call a scheduler or a worker can run code as this user."""
    from distributed.security import Security

    return Security.temporary()
