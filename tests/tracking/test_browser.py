"""A browser is opened if there is a display, and gets MLflow's pages for trained models on a first visit."""

import asyncio
import webbrowser
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.tracking.browser import has_display, open_page
from pipeline.tracking.start_page import SCRIPT, StartPageMiddleware


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}, "darwin", False),
    ],
)
def test_a_display_is_one_that_this_person_sees(
    environment: dict[str, str], platform: str, expected: bool
) -> None:
    assert has_display(environment, platform) is expected


def test_without_a_display_no_browser_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("pipeline.tracking.browser.sys.platform", "linux")
    for display in ("", ":0"):
        monkeypatch.setenv("WAYLAND_DISPLAY", "")
        monkeypatch.setenv("DISPLAY", display)
        open_page(f"http://localhost/{display}")
    assert opened == ["http://localhost/:0"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", f"<html><head>{SCRIPT}<title>MLflow</title></head>"),
        ("GET", "/?a=b", f"<html><head>{SCRIPT}<title>MLflow</title></head>"),
        ("GET", "/static-files/a.js", "the application's"),
        ("POST", "/", "the application's"),
    ],
)
def test_only_the_page_itself_gets_our_choices(method: str, path: str, expected: str, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("<html><head><title>MLflow</title></head>")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the application's"})

    async def ask() -> str:
        transport = httpx.ASGITransport(StartPageMiddleware(application, page))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
            return (await client.request(method, path)).text

    assert asyncio.run(ask()) == expected
