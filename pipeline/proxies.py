"""Keep calls to this machine's own servers away from the proxies that the environment names for the network."""

import functools
import ipaddress
import os
import re
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from stages.common.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VARIABLES = ("no_proxy", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
# Entries that httpx can read. It refuses to start with any other, such as an IPv6 address in brackets.
HOST = re.compile(r"[!-~]+")
NAME_AND_PORT = re.compile(r"[^\[\]:]*(:[0-9]{0,5})?")


def exempt_loopback(environment: MutableMapping[str, str]) -> None:
    """Add this machine to the hosts that are called without a proxy, for this process and those that it starts.

    urllib, requests, httpx and websockets all read these variables. An entry that httpx cannot read is left out.
    """
    given = [host.strip() for variable in VARIABLES for host in environment.get(variable, "").split(",")]
    hosts = [host for host in (*given, *LOOPBACK) if _is_readable(host)]
    if "*" in given:
        # Nothing goes through a proxy. urllib understands the asterisk only if it stands alone.
        hosts = ["*"]
    for variable in VARIABLES:
        environment[variable] = ",".join(dict.fromkeys(hosts))


def ignore_environment() -> None:
    """Make httpx, with which Prefect's client calls its server, ignore proxies and certificates of the environment.

    Call this before Prefect is imported, and only if Prefect's server is the project's own on this machine.

    Such a server needs neither a proxy nor a file of certificates, and httpx refuses to start if the file is missing or
    the proxy is of a kind that it does not support (SOCKS without socksio). MLflow, whose server may be on another
    machine, uses requests, and stages use urllib: both still follow the environment.
    """
    import certifi
    import httpx

    # Python's ssl module writes the keys of every connection to this file.
    os.environ.pop("SSLKEYLOGFILE", None)
    # Prefect reads this variable, or else SSL_CERT_FILE, even to call an address without TLS.
    os.environ["PREFECT_API_SSL_CERT_FILE"] = certifi.where()
    for kind in (httpx.Client, httpx.AsyncClient, httpx.HTTPTransport, httpx.AsyncHTTPTransport):
        kind.__init__ = _distrust_environment(kind.__init__)  # type: ignore[method-assign]


def check_environment() -> None:
    """Check that httpx can start with the proxies and certificates that the environment names.


    Raises:
        InputError: httpx cannot start; the message names the variables.
    """
    import httpx

    try:
        httpx.Client().close()
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        names = sorted(name for name in os.environ if name.lower().endswith("_proxy") or name in CERTIFICATES)
        raise InputError(
            f"Prefect's server cannot be called as {', '.join(names)} of the environment say: {error}. Correct or "
            "unset them; a SOCKS proxy needs `pip install 'httpx[socks]'`"
        ) from None


def _distrust_environment(make: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(make)
    def make_without_environment(*arguments: Any, **named: Any) -> None:
        make(*arguments, **named | {"trust_env": False})

    return make_without_environment


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine's loopback address, which no other machine can call."""
    return urlsplit(url).hostname in LOOPBACK


def _is_readable(host: str) -> bool:
    if not HOST.fullmatch(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return NAME_AND_PORT.fullmatch(host.partition("://")[2] or host) is not None
    return True
