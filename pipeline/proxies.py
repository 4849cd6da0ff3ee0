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
# What httpx reads; anything else, such as an IPv6 address in brackets, it refuses to start with.
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
    """Let Prefect's client, which calls its server by httpx, take nothing from the environment of this process.

    Call it before Prefect is imported.

    That is for a server of ours on this machine. It needs no proxy, not even a kind of proxy that httpx refuses
    to start with (SOCKS without socksio), and no file of certificates, which may be missing. MLflow calls its server,
    which may be elsewhere, by requests, and stages call by urllib: those go on using both.
    """
    import certifi
    import httpx

    # Python's ssl module writes there whatever connection it makes.
    os.environ.pop("SSLKEYLOGFILE", None)
    # Prefect reads this one, or else SSL_CERT_FILE, even to call an address without TLS.
    os.environ["PREFECT_API_SSL_CERT_FILE"] = certifi.where()
    for kind in (httpx.Client, httpx.AsyncClient, httpx.HTTPTransport, httpx.AsyncHTTPTransport):
        kind.__init__ = _distrust_environment(kind.__init__)  # type: ignore[method-assign]


def check_environment() -> None:
    """Check that httpx starts with what the environment says of proxies and certificates, which it does on import.

    Raises:
        InputError: it does not; names the variables.
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
    """Tell whether an address is one of this machine that no other machine can call."""
    return urlsplit(url).hostname in LOOPBACK


def _is_readable(host: str) -> bool:
    if not HOST.fullmatch(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return NAME_AND_PORT.fullmatch(host.partition("://")[2] or host) is not None
    return True
