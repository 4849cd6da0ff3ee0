"""Prove that the server at an address is the one that `make server` started, before a client sends it the password.

Another program may listen at the port later. So the client sends a random challenge, and the server answers with its
HMAC. The secret key is in a file in Prefect's folder that only this user can read.
"""

import hmac
import secrets
from pathlib import Path
from typing import NamedTuple

from pipeline.flow.server_auth import write_private
from pipeline.health import OPENER
from pipeline.same_origin import Application, Receive, Scope, Send, answer

# This file holds the address and the secret of the last `make server`, so that flows find the server by themselves.
PROOF_FILE = "server.txt"
PATH = "/proof/"
QUESTION_BYTES = 16
ANSWER_BYTES = 64
TIMEOUT_SECONDS = 2.0


class Served(NamedTuple):
    """The address and the secret of a server that `make server` started.

    Attributes:
        address: the URL without a path.
        secret: the secret with which the server proves its identity.
    """

    address: str
    secret: str

    @property
    def api(self) -> str:
        """The URL of the server's API."""
        return f"{self.address}/api"


def make_served(address: str) -> Served:
    """Make a new secret for a server."""
    return Served(address, secrets.token_urlsafe())


def write_served(home: Path, served: Served) -> None:
    """Write a server's address and secret to Prefect's folder, in a file that only this user can read."""
    write_private(home, PROOF_FILE, "\n".join(served) + "\n").replace(home / PROOF_FILE)


def read_served(home: Path) -> Served | None:
    """Read the address and secret of the last server from Prefect's folder; None if there are none.

    The server may have ended meanwhile.
    """
    try:
        address, secret = (home / PROOF_FILE).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return Served(address, secret)


def is_proven(served: Served) -> bool:
    """Tell whether the server that has this secret answers at its address now."""
    question = secrets.token_hex(QUESTION_BYTES)
    try:
        with OPENER.open(f"{served.address}{PATH}{question}", timeout=TIMEOUT_SECONDS) as reply:
            given = reply.read(ANSWER_BYTES).decode("ascii", errors="replace")
    except (OSError, ValueError):
        return False
    return hmac.compare_digest(given.encode(), _answer(served.secret, question).encode())


class ProofMiddleware:
    """An ASGI middleware that answers the challenge, and passes all other requests on to the application."""

    def __init__(self, application: Application, secret: str) -> None:
        """Wrap an application; `secret` is the secret of `Served`."""
        self._application = application
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._application(scope, receive, send)
            return
        await answer(send, 200, "text/plain", _answer(self._secret, scope["path"].removeprefix(PATH)))


def _answer(secret: str, question: str) -> str:
    return hmac.new(secret.encode(), question.encode(), "sha256").hexdigest()
