"""The proof that the server at an address is the one that `make server` started here, before it gets a password.

Another program may listen where it listened. So the server is asked a question that only those can answer who can read
the file in Prefect's folder that says where it serves.
"""

import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from tempfile import mkstemp
from typing import Any, NamedTuple

from pipeline.health import OPENER

# Where `make server` last served: a run shows up there without being told to.
SERVED = "server.txt"
PATH = "/proof/"
QUESTION_BYTES = 16
ANSWER_BYTES = 64
TIMEOUT_SECONDS = 2.0

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class Served(NamedTuple):
    """Where a server of ours serves.

    Attributes:
        address: without a path.
        secret: by which it proves that it is this server.
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
    home.mkdir(parents=True, exist_ok=True)
    # mkstemp makes files that only their owner can read.
    descriptor, name = mkstemp(dir=home, prefix=SERVED)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(served) + "\n")
    Path(name).replace(home / SERVED)


def read_served(home: Path) -> Served | None:
    """Read where the last server of Prefect's folder serves, or served; None where there was none."""
    try:
        address, secret = (home / SERVED).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return Served(address, secret)


def is_proven(served: Served) -> bool:
    """Tell whether this very server answers at its address now."""
    question = secrets.token_hex(QUESTION_BYTES)
    try:
        with OPENER.open(f"{served.address}{PATH}{question}", timeout=TIMEOUT_SECONDS) as reply:
            answer = reply.read(ANSWER_BYTES).decode("ascii", errors="replace")
    except (OSError, ValueError):
        return False
    return hmac.compare_digest(answer.encode(), _answer(served.secret, question).encode())


class ProofMiddleware:
    """Answers the question, and passes everything else on to the application."""

    def __init__(self, application: Application, secret: str) -> None:
        """Wrap an application; `secret` is that of `Served`."""
        self._application = application
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._application(scope, receive, send)
            return
        answer = _answer(self._secret, scope["path"].removeprefix(PATH))
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.encode()})


def _answer(secret: str, question: str) -> str:
    return hmac.new(secret.encode(), question.encode(), "sha256").hexdigest()
