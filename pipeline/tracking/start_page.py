"""Change MLflow's start page, so that on a first visit it shows trained models and no assistant.

MLflow stores such choices in the browser. By default it shows pages for language models, and an assistant that covers a
quarter of the window and cannot be used here, because its API is closed.
"""

import json
from pathlib import Path

from pipeline.same_origin import Application, Receive, Scope, Send, answer

PATH = "/"
HEAD = "<head>"
# The names under which MLflow's page stores choices in the browser, and their initial values.
CHOICES = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
}
SCRIPT = (
    f"<script>for (const [key, value] of Object.entries({json.dumps(CHOICES)})) "
    "if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));</script>"
)


class StartPageMiddleware:
    """Serves MLflow's start page with these choices as defaults, and passes other requests on to the application."""

    def __init__(self, application: Application, page: Path) -> None:
        """Wrap an application; `page` is the file of MLflow's page."""
        self._application = application
        self._text = page.read_text(encoding="utf-8").replace(HEAD, HEAD + SCRIPT, 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == PATH:
            await answer(send, 200, "text/html; charset=utf-8", self._text)
        else:
            await self._application(scope, receive, send)
