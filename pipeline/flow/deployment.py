"""The flow by the clock: a deployment that this process serves."""

from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from pipeline.flow.compare import compare

NAME = "nightly"


def serve_by_the_clock(cron: str, interval: int | None, parameters: dict[str, Any]) -> None:
    """Serve until interrupted.

    Two runs at once would only wait for each other, so a run that falls due meanwhile is dropped; and the schedule
    stays as it is when this process ends, to go on when it is started again.

    Args:
        cron: when.
        interval: in seconds, instead of `cron`.
        parameters: of the flow.
    """
    compare.serve(
        name=NAME,
        cron=None if interval else cron,
        interval=interval,
        parameters=parameters,
        limit=1,
        global_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        pause_on_shutdown=False,
    )
