"""Check which times a schedule accepts."""

import pytest

from pipeline.flow.__main__ import NIGHTLY, find_fault


@pytest.mark.parametrize("cron", [NIGHTLY, "*/5 * * * *", "@daily"])
def test_times_of_cron_are_good(cron: str) -> None:
    assert find_fault(cron, None) == ""


@pytest.mark.parametrize("cron", ["", "nightly", "61 * * * *", "0 3 * *"])
def test_other_times_are_named_in_one_line(cron: str) -> None:
    assert f"--cron {cron!r} is no time" in find_fault(cron, None)


@pytest.mark.parametrize("interval", [0, -5])
def test_an_interval_is_at_least_a_second(interval: int) -> None:
    assert f"--interval {interval} has to be at least" in find_fault(NIGHTLY, interval)
