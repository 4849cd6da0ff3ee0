"""Check the times of a schedule before a server, a worker or a run is asked for."""

import asyncio
from zoneinfo import available_timezones

from stages.common.params import suggest_name
from stages.common.yaml_reader import shorten

NIGHTLY = "0 3 * * *"
UTC = "UTC"
# A year of 366 days. Longer intervals are rather a mistake of units, and Prefect's scheduler fails on very long ones.
LONGEST_SECONDS = 366 * 24 * 3600


def find_fault(cron: str, interval: int | None, timezone: str) -> str:
    """Say what is wrong with the times of a schedule; "" if they are valid.

    Args:
        cron: the times in cron's format.
        interval: the interval in seconds, which counts instead of `cron`; None for none.
        timezone: the time zone of `cron`, such as Europe/Berlin.
    """
    if interval is not None:
        is_allowed = 1 <= interval <= LONGEST_SECONDS
        return "" if is_allowed else f"--interval {interval} is not between 1 and {LONGEST_SECONDS} s, a year"
    zones = available_timezones()
    if timezone not in zones:
        hint = suggest_name(timezone, zones)
        return f"--timezone {shorten(timezone)} is unknown{hint}; a time zone is named as in Europe/Berlin or {UTC}"
    return _find_fault_of_cron(cron, timezone)


def _find_fault_of_cron(cron: str, timezone: str) -> str:
    # Prefect's server computes the times of a schedule by this class.
    from prefect.server.schemas.schedules import CronSchedule

    shown = shorten(repr(cron))
    try:
        schedule = CronSchedule(cron=cron, timezone=timezone)
        has_five_fields = cron.startswith("@") or len(cron.split()) == 5
    except (ValueError, RecursionError):
        has_five_fields = False
    if not has_five_fields:
        fields = "minute, hour, day, month, weekday"
        return f"--cron {shown} is no time in cron's five fields ({fields}), such as {NIGHTLY!r} for three at night"
    try:
        asyncio.run(schedule.get_dates(1))
    except ValueError:
        return f"--cron {shown} never comes: no month that it names has such a day"
    return ""
