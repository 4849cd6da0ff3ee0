"""Check whether a Prefect server answers, without Prefect's client, which would wait for minutes if it does not."""

import os
import ssl
import urllib.error
import urllib.request
from enum import Enum

from pipeline.flow.server_settings import AUTH, KEY
from pipeline.server_address import make_basic_login, make_token_login, split_address

TIMEOUT_SECONDS = 5.0


class Reply(Enum):
    """How an address answers."""

    ANSWERS = "answers"
    REFUSES_LOGIN = "refuses the login"
    NOBODY_THERE = "nobody listens there"
    SILENT = "no answer"


def probe(url: str, timeout: float = TIMEOUT_SECONDS) -> Reply:
    """Request a URL of HTTP or HTTPS; the proxies of the environment are used."""
    request = urllib.request.Request(url, headers=_make_login())  # noqa: S310  The caller has checked the scheme.
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310
            return Reply.ANSWERS
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Reply.REFUSES_LOGIN
        return Reply.SILENT if error.code in (502, 503, 504) else Reply.ANSWERS
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            # Prefect's client may trust other certificates than this request, so this is no fault yet.
            return Reply.ANSWERS
        return Reply.NOBODY_THERE if isinstance(reason, ConnectionRefusedError) else Reply.SILENT
    except ValueError:
        return Reply.SILENT


def find_fault(api: str) -> str | None:
    """Say why the API at an address cannot be used, and what to do; None if it can be used.

    The request logs in with PREFECT_API_AUTH_STRING or PREFECT_API_KEY if one of them is set.
    """
    parts = split_address(api)
    if parts is None or parts.scheme not in ("http", "https"):
        return f"{api!r} is no address of a Prefect server, such as http://127.0.0.1:4200/api"
    reply = probe(f"{api.rstrip('/')}/admin/version")
    if reply is Reply.REFUSES_LOGIN:
        return f"the server at {api} refuses the login; set {AUTH} to the server's user:password"
    if reply is not Reply.ANSWERS:
        return f"no Prefect server answers at {api} ({reply.value})"
    return None


def _make_login() -> dict[str, str]:
    if os.environ.get(KEY):
        return make_token_login(os.environ[KEY])
    if os.environ.get(AUTH):
        return make_basic_login(os.environ[AUTH])
    return {}
