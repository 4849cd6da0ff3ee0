"""Downloads that give up: libraries open sockets without a timeout, and would wait for a silent mirror for ever."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Let every socket that is opened meanwhile give up, with an OSError, after a silence of `seconds`."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
