"""A flow connects to a running Dask scheduler that it did not start, and refuses other servers at its address."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from pipeline.cluster import connect as connecting
from pipeline.cluster.connect import connect
from pipeline.cluster.settings import AddressSettings
from stages.common.errors import InputError
from tests.cluster.driving import make_environment_with, run_dask


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Run a scheduler for all tests of this file."""
    with run_dask("scheduler") as (_, address):
        yield address


def reach(address: str) -> None:
    connect(AddressSettings(kind="address", max_jobs=1, address=address)).close()


def test_a_scheduler_of_the_same_versions_is_reached(scheduler: str) -> None:
    reach(scheduler)


def test_a_scheduler_of_another_version_is_refused(tmp_path: Path) -> None:
    other = make_environment_with(tmp_path, "distributed", "2024.1.0")
    with (
        run_dask("scheduler", **other) as (_, address),
        pytest.raises(
            InputError, match="cannot be used: it has distributed 2024.1.0, where this machine has"
        ),
    ):
        reach(address)


def test_a_worker_is_no_scheduler(scheduler: str) -> None:
    with (
        run_dask("worker", scheduler, "--no-nanny") as (_, address),
        pytest.raises(InputError, match="is that of a Dask Worker; give the address of the Scheduler"),
    ):
        reach(address)


def test_where_nothing_listens_and_where_something_else_does_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        for address in (
            "tcp://127.0.0.1:1",
            f"tcp://127.0.0.1:{mute.getsockname()[1]}",
            "tcp://nowhere.invalid:1",
        ):
            with pytest.raises(
                InputError, match=f"no scheduler of Dask has answered at address {address} within 1 s"
            ):
                reach(address)
