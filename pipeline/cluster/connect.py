"""Reach a scheduler of Dask that somebody else has started, and see that it can be used, before anything runs."""

import asyncio
import platform
import warnings
from collections.abc import Mapping
from typing import Any

from pipeline.cluster.options import CONNECT_SECONDS
from pipeline.cluster.settings import AddressSettings
from stages.common.errors import InputError

SCHEDULER = "Scheduler"


def connect(settings: AddressSettings) -> Any:
    """Connect to a scheduler.

    Returns:
        Dask's client.

    Raises:
        InputError: none answers at the address, or it has other versions than this machine.
    """
    from distributed import Client
    from distributed.security import Security

    security = (
        Security()
        if settings.tls_ca_file is None
        else Security(
            tls_ca_file=settings.tls_ca_file,
            tls_client_cert=settings.tls_cert,
            tls_client_key=settings.tls_key,
            require_encryption=True,
        )
    )
    try:
        # A client of Dask takes whatever answers for a scheduler of its own version.
        kind, versions = asyncio.run(_ask(settings.address, security))
    except Exception:
        # What the connection says depends on what answers there, and seldom tells more.
        raise InputError(
            f"no scheduler of Dask has answered at address {settings.address} within {CONNECT_SECONDS} seconds; "
            "is it running, and is this its address as it prints it, with tcp:// or tls://?"
        ) from None
    if kind != SCHEDULER:
        raise InputError(
            f"address {settings.address} is that of a {kind} of Dask, where its {SCHEDULER} is needed"
        )
    fault = find_version_fault(versions)
    if fault:
        raise InputError(
            f"the scheduler at address {settings.address} cannot be used: {fault}; start it with the packages of "
            "constraints.txt"
        )
    with warnings.catch_warnings():
        # Of workers with other packages, which are refused by name.
        warnings.simplefilter("ignore")
        return Client(settings.address, security=security, timeout=CONNECT_SECONDS)


async def _ask(address: str, security: Any) -> tuple[str, dict[str, str]]:
    """Ask what is at an address for its kind and for its versions."""
    from distributed import rpc

    async with rpc(
        address, connection_args=security.get_connection_args("client"), timeout=CONNECT_SECONDS
    ) as server:
        identity = await asyncio.wait_for(server.identity(), CONNECT_SECONDS)
        versions = await asyncio.wait_for(server.versions(), CONNECT_SECONDS)
    return identity["type"], versions["packages"]


def find_version_fault(versions: Mapping[str, str]) -> str:
    """Say how the versions of a scheduler or of a worker differ from this machine's; "" where they do not."""
    from distributed import __version__

    # Functions are sent as Python's byte code, of which every minor version has its own.
    python, own_python = (
        ".".join(version.split(".")[:2]) for version in (versions["python"], platform.python_version())
    )
    compared = (("Python", python, own_python), ("distributed", versions["distributed"], __version__))
    return " and ".join(
        f"it has {name} {there}, where this machine has {here}"
        for name, there, here in compared
        if there != here
    )
