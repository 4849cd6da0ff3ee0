"""Options of Dask's schedulers and workers, however they are started."""

from typing import Any

CONNECT_SECONDS = 10
# A worker whose scheduler does not answer ends after so long.
DEATH_SECONDS = 30
# Dask has an HTTP server in any case; it is for the machine itself.
PAGES = "127.0.0.1:0"
# Dask's worker is a process of its own beside the agent, and its limit is none of the stages'.
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
# A worker of which the scheduler has not heard for so many seconds is lost, and another is started in its place; Dask's
# own five minutes are for tasks that keep a worker's interpreter busy, and none does here.
SCHEDULER_OPTIONS: dict[str, Any] = {"dashboard": False, "worker_ttl": 60}


def make_security() -> Any:
    """Make certificates for this run: whoever can call a scheduler or a worker runs code as this user."""
    from distributed.security import Security

    return Security.temporary()
