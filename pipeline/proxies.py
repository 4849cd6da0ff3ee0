"""Keep calls to this machine's own servers away from the proxies that the environment names for the network."""

from collections.abc import MutableMapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VARIABLES = ("no_proxy", "NO_PROXY")


def exempt_loopback(environment: MutableMapping[str, str]) -> None:
    """Add this machine to the hosts that are called without a proxy, for this process and those that it starts.

    urllib, requests, httpx and websockets all read these variables. httpx refuses to start if they hold `[::1]`.
    """
    given = [host.strip() for variable in VARIABLES for host in environment.get(variable, "").split(",")]
    hosts = [host for host in (*given, *LOOPBACK) if host and host != "[::1]"]
    if "*" in given:
        # Nothing goes through a proxy. urllib understands the asterisk only if it stands alone.
        hosts = ["*"]
    for variable in VARIABLES:
        environment[variable] = ",".join(dict.fromkeys(hosts))
