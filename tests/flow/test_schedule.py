"""Check which times a schedule accepts, and that others are one line before anything starts."""

import subprocess
import sys

import pytest

from pipeline.flow.clock import LONGEST_SECONDS, NIGHTLY, UTC, find_fault
from pipeline.flow.deployment import find_fault_of_schedules
from tests.driving import ROOT, make_environment


@pytest.mark.parametrize("cron", [NIGHTLY, "*/5 * * * *", "@daily", "0 0 29 2 *", "30 6 * * mon-fri"])
def test_times_of_cron_are_good(cron: str) -> None:
    assert find_fault(cron, None, UTC) == ""


@pytest.mark.parametrize(
    "cron", ["", "nightly", "61 * * * *", "0 3 * *", "* * * * * *", "R 3 * * *", "@reboot", "*/0 * * * *"]
)
def test_other_times_are_named_in_one_line(cron: str) -> None:
    assert f"--cron {cron!r} is no time" in find_fault(cron, None, UTC)


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "15 3 31 feb *"])
def test_times_that_never_come_are_named(cron: str) -> None:
    assert find_fault(cron, None, UTC).startswith(f"--cron {cron!r} never comes")


@pytest.mark.parametrize("timezone", [UTC, "Europe/Berlin", "America/New_York"])
def test_time_zones_of_iana_are_good(timezone: str) -> None:
    assert find_fault(NIGHTLY, None, timezone) == ""


@pytest.mark.parametrize(
    ("timezone", "hint"),
    [("Europe/Berlinn", " (did you mean Europe/Berlin?)"), ("Berlin", ""), ("", ""), ("+01:00", "")],
)
def test_another_time_zone_is_named_with_the_nearest(timezone: str, hint: str) -> None:
    assert find_fault(NIGHTLY, None, timezone).startswith(f"--timezone {timezone} is unknown{hint}")


@pytest.mark.parametrize("interval", [0, -5, LONGEST_SECONDS + 1, 10**18])
def test_an_interval_is_between_a_second_and_a_year(interval: int) -> None:
    assert f"--interval {interval} is not between 1 and" in find_fault(NIGHTLY, interval, UTC)


@pytest.mark.parametrize(
    ("schedules", "message"),
    [
        ([{"cron": "0 0 30 2 *"}], "cron '0 0 30 2 *' never comes"),
        ([{"cron": NIGHTLY}, {"cron": "nightly"}], "cron 'nightly' is no time"),
        ([{"cron": NIGHTLY, "timezone": "Europe/Pariss"}], "timezone Europe/Pariss is unknown (did you mean"),
        ([{"cron": None}], "cron 'None' is no time"),
        ([{"cron": NIGHTLY, "timezone": "Europe/Paris"}, {"interval": 60}], ""),
        (None, ""),
    ],
)
def test_the_times_of_a_file_of_deployments_are_checked(schedules: object, message: str) -> None:
    found = find_fault_of_schedules(schedules)
    assert found.startswith(message) and bool(found) == bool(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cron", "0 0 30 2 *"], "never comes"),
        (["--timezone", "Mars"], "--timezone Mars is unknown"),
        (["--cron", NIGHTLY, "--interval", "60"], "not allowed with argument --cron"),
    ],
)
def test_a_fault_is_one_line_without_any_server(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.flow", "schedule", *options],
        cwd=ROOT,
        env=make_environment(PREFECT_API_URL="http://127.0.0.1:1/api"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (1, 2) and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1
