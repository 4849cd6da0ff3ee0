"""The proof that the server at an address is the one that `make server` started here, before it gets a password.

Another program may listen where it listened. So the server is asked a question that only those can answer who can read
the file in Prefect's folder that says where it serves.
"""

import hmac
import secrets
from pathlib import Path
from typing import NamedTuple

from pipeline.flow.server_auth import write_private
from pipeline.health import OPENER
from pipeline.same_origin import Application, Receive, Scope, Send, answer

# Where `make server` last served: a run shows up there without being told to.
PROOF_FILE = "server.txt"
PATH = "/proof/"
QUESTION_BYTES = 16
ANSWER_BYTES = 64
TIMEOUT_SECONDS = 2.0


class Served(NamedTuple):
    """Where a server of ours serves.

    Attributes:
        address: the address without a path.
        secret: the secret by which it proves that it is this server.
    """

    address: str
    secret: str

    @property
    def api(self) -> str:
        """The address of its API."""
        return f"{self.address}/api"


def make_served(address: str) -> Served:
    """Make a new secret for a server."""
    return Served(address, secrets.token_urlsafe())


def write_served(home: Path, served: Served) -> None:
    """Write into Prefect's folder where a server serves, for this user alone."""
    write_private(home, PROOF_FILE, "\n".join(served) + "\n").replace(home / PROOF_FILE)


def read_served(home: Path) -> Served | None:
    """Read where the last server of Prefect's folder serves, or served; None where there was none."""
    try:
        address, secret = (home / PROOF_FILE).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return Served(address, secret)


def is_proven(served: Served) -> bool:
    """Tell whether this very server answers at its address now."""
    question = secrets.token_hex(QUESTION_BYTES)
    try:
        with OPENER.open(f"{served.address}{PATH}{question}", timeout=TIMEOUT_SECONDS) as reply:
            given = reply.read(ANSWER_BYTES).decode("ascii", errors="replace")
    except (OSError, ValueError):
        return False
    return hmac.compare_digest(given.encode(), _answer(served.secret, question).encode())


class ProofMiddleware:
    """Answers the question, and passes everything else on to the application."""

    def __init__(self, application: Application, secret: str) -> None:
        """Wrap an application; `secret` is that of `Served`."""
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
