"""Serve a registered model over HTTP: `python -m pipeline.tracking model models:/NAME@champion`.

The server is MLflow's own scoring server behind two ASGI middlewares. They add what that server has no setting for:
calls from pages of other origins and to other host names are refused, requests must be JSON and not too large, and
errors have no stack traces. This module imports nothing of stages/, because the saved model has its own copy of that
package. For the same reason the server is started as a separate process.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from pipeline.same_origin import (
    Application,
    Receive,
    SameOriginMiddleware,
    Scope,
    Send,
    answer,
    list_own_names,
)

LARGEST_REQUEST_BYTES = 1_000_000
JSON_TYPE = "application/json"
EXAMPLE = 'JSON such as {"inputs": {"index": [0, 1]}, "params": {"seed": 3, "png": true}}'
COLUMNS = ("index", "label")
PARAMS = {"seed": int, "png": bool}
# In MLflow's error messages the reason follows this text; the whole request comes before it.
REASON = "\nError: "


class RequestMiddleware:
    """Refuses requests that are not valid JSON or too large, and removes everything but the message from errors."""

    def __init__(self, application: Application) -> None:
        """Wrap an application."""
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        kinds = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == b"content-type"]
        if [kind.partition(";")[0].strip().lower() for kind in kinds] != [JSON_TYPE]:
            await _answer(send, 415, f"Content-Type is {', '.join(kinds) or 'missing'}; send {JSON_TYPE}")
            return
        body = b""
        is_more = True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False) and message["type"] == "http.request"
            if len(body) > LARGEST_REQUEST_BYTES:
                await _answer(send, 413, f"a request has {LARGEST_REQUEST_BYTES} bytes at most")
                return

        fault = find_fault(body)
        if fault is not None:
            await _answer(send, 400, fault)
            return

        async def receive_body() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, receive_body, _hide_traces(send))


def find_fault(body: bytes) -> str | None:
    """Say what is wrong with a request; None if it is valid.

    MLflow itself would accept 0.5, true and "0" as an index, and convert them to 0 or 1.
    """
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    inputs = content.get("inputs") if isinstance(content, dict) else None
    if not isinstance(inputs, dict) or not set(content) <= {"inputs", "params"} or "index" not in inputs:
        return f"the request is no {EXAMPLE}"
    for name, values in inputs.items():
        if name not in COLUMNS:
            return f"{name!r:.50} is unknown; there is {', '.join(COLUMNS)}"
        wrong = (
            [value for value in values if type(value) is not int] if isinstance(values, list) else [values]
        )
        if wrong or not values:
            return f"{name} = {(wrong or [values])[0]!r:.50}: a list of whole numbers is allowed"
    params = content.get("params", {})
    for name, value in params.items() if isinstance(params, dict) else [("params", params)]:
        number: Any = value
        if type(value) is not PARAMS.get(name) or not -(2**63) <= number < 2**63:
            return (
                f"{name!r:.50} = {value!r:.50}: `seed` is a whole number of 64 bits, `png` is true or false"
            )
    return None


def _hide_traces(send: Send) -> Send:
    """Pass answers on; replace the body of an error by its message."""
    status, parts = 200, list[bytes]()

    async def send_without_trace(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        if status < 400:
            await send(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await _answer(send, status, _read_message(b"".join(parts)))

    return send_without_trace


def _read_message(body: bytes) -> str:
    """Read the message of one of MLflow's errors."""
    try:
        content = json.loads(body)
        message = str(content.get("message") or content.get("detail"))
    except (ValueError, AttributeError):
        return "the request failed"
    return message.rpartition(REASON)[2].partition("\n")[0]


async def _answer(send: Send, status: int, message: str) -> None:
    await answer(send, status, JSON_TYPE, json.dumps({"error": message}))


def serve(model: str, host: str, port: int, allowed_hosts: Sequence[str]) -> None:
    """Load a model, and serve it until interrupted.

    Args:
        model: the model's URI, such as models:/NAME@champion.
        host: the address to listen at.
        port: the port to listen at.
        allowed_hosts: further host names at which the server may be called.
    """
    # This import takes seconds, so it comes late.
    from mlflow.pyfunc.scoring_server import init

    with load_model(model) as loaded:
        application: Any = RequestMiddleware(init(loaded))
        uvicorn.run(
            SameOriginMiddleware(application, list_own_names(host, allowed_hosts)),
            host=host,
            port=port,
            log_level="warning",
        )


@contextmanager
def load_model(address: str) -> Iterator[Any]:
    """Load a model from a temporary copy, which is removed when the context ends.

    Without a copy, MLflow decodes the path of a model in the store twice, and so does not find it below a folder whose
    name has a sequence such as `%41`.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as folder:
        yield mlflow.pyfunc.load_model(address, dst_path=folder)
