"""Connect to a running Dask scheduler, and check before anything runs that it can be used."""

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
        InputError: no scheduler answers at the address, or it has other versions than this machine.
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
        # Dask's client itself would accept any server as a scheduler of its own version.
        kind, versions = asyncio.run(_ask(settings.address, security))
    except Exception:
        # The error depends on the kind of server there, and rarely explains the fault.
        raise InputError(
            f"no scheduler of Dask has answered at address {settings.address} within {CONNECT_SECONDS} seconds; "
            "is it running, and is this its address as it prints it, with tcp:// or tls://?"
        ) from None
    if kind != SCHEDULER:
        raise InputError(
            f"address {settings.address} is that of a Dask {kind}; give the address of the {SCHEDULER}"
        )
    fault = find_version_fault(versions)
    if fault:
        raise InputError(
            f"the scheduler at address {settings.address} cannot be used: {fault}; start it with the packages of "
            "constraints.txt"
        )
    with warnings.catch_warnings():
        # Dask warns of workers with other packages. The flow refuses these by name itself.
        warnings.simplefilter("ignore")
        return Client(settings.address, security=security, timeout=CONNECT_SECONDS)


async def _ask(address: str, security: Any) -> tuple[str, dict[str, str]]:
    """Ask the server at an address for its kind and its versions."""
    from distributed import rpc

    async with rpc(
        address, connection_args=security.get_connection_args("client"), timeout=CONNECT_SECONDS
    ) as server:
        identity = await asyncio.wait_for(server.identity(), CONNECT_SECONDS)
        versions = await asyncio.wait_for(server.versions(), CONNECT_SECONDS)
    return identity["type"], versions["packages"]


def find_version_fault(versions: Mapping[str, str]) -> str:
    """Say how the versions of a scheduler or a worker differ from this machine's; "" if they do not."""
    from distributed import __version__

    # Functions are sent as byte code, which differs between minor versions of Python.
    python, own_python = (
        ".".join(version.split(".")[:2]) for version in (versions["python"], platform.python_version())
    )
    compared = (("Python", python, own_python), ("distributed", versions["distributed"], __version__))
    return " and ".join(
        f"it has {name} {there}, where this machine has {here}"
        for name, there, here in compared
        if there != here
    )
