"""The flow by the clock: a deployment that this process serves, or those of prefect.yaml that a worker takes."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.exceptions import ObjectAlreadyExists
from prefect.runner import Runner

from pipeline.flow.compare import compare

NAME = "nightly"
# As prefect.yaml has it.
POOL = "compare"


def serve_by_the_clock(cron: str, interval: int | None, parameters: dict[str, Any]) -> None:
    """Serve until interrupted.

    Two runs at once would only wait for each other, so a run that falls due meanwhile is dropped; and the schedule
    stays as it is when this process ends, to go on when it is started again.

    Args:
        cron: when.
        interval: in seconds, instead of `cron`.
        parameters: of the flow.
    """
    service = Service(name=NAME, pause_on_shutdown=False, limit=1)
    service.add_flow(
        compare,
        name=NAME,
        cron=None if interval else cron,
        interval=interval,
        parameters=parameters,
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
    )
    times = f"every {interval} s" if interval else f"at {cron!r} (UTC)"
    print(f"The comparison is brought up to date {times}; Ctrl-C ends that.", flush=True)
    asyncio.run(service.start())


class Service(Runner):
    """Prefect's, which SIGTERM ends as Ctrl-C does: in order, with the run that is under way."""

    def handle_sigterm(self, *_: object) -> None:
        """End; Prefect's own way leaves its loops running while the interpreter goes."""
        signal.raise_signal(signal.SIGINT)


def deploy_all() -> None:
    """Make the work pool unless it is there, and deploy to it all that prefect.yaml holds.

    Raises:
        subprocess.CalledProcessError: Prefect refused prefect.yaml; it has said why.
    """
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], check=True)
