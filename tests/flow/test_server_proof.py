"""A server gets the password only after it has proven its identity, and an unusable server is named at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipeline.flow.server import find_server
from pipeline.flow.server_probe import Reply, find_fault, probe
from pipeline.flow.server_proof import (
    PROOF_FILE,
    ProofMiddleware,
    is_proven,
    make_served,
    read_served,
    write_served,
)
from tests.serving import find_free_port, wait_until


@contextmanager
def serve(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Serve as another program that has taken the port: it answers every request, and collects the passwords."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.extend(self.headers.get_all("Authorization") or [])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"0" * 64)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    (tmp_path / "auth.txt").write_text("admin:secret\n")
    return tmp_path


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})


def test_a_server_proves_by_its_secret_that_it_is_the_one_of_the_file(home: Path) -> None:
    address = f"http://127.0.0.1:{find_free_port()}"
    served = make_served(address)
    write_served(home, served)
    assert read_served(home) == served and (home / PROOF_FILE).stat().st_mode & 0o777 == 0o600
    assert not is_proven(served)
    port = int(address.rpartition(":")[2])
    server = uvicorn.Server(
        uvicorn.Config(ProofMiddleware(answer, served.secret), port=port, log_level="error")
    )
    threading.Thread(target=server.run, daemon=True).start()
    wait_until(lambda: server.started, "the server", 30)
    assert is_proven(served)
    # The secret is that of an earlier server at this address.
    assert not is_proven(served._replace(secret="another"))
    server.should_exit = True


@pytest.mark.parametrize("content", ["{address}/api\n", "{address}\nsecret\n", "", "\0"])
def test_a_stale_file_gives_no_other_program_the_password(home: Path, content: str) -> None:
    with serve() as (address, got):
        (home / PROOF_FILE).write_text(content.format(address=address))
        assert not find_server()
    assert got == []


@pytest.mark.parametrize(
    "url",
    ["", "garbage", "localhost:4200", "ftp://host/api", "http://", "http://[::1", "http://host:port/api"],
)
def test_what_is_no_address_is_named(url: str) -> None:
    assert "is no address of a Prefect server" in str(find_fault(url))


def test_a_server_that_is_not_there_is_named_with_the_cure(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{find_free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(
        ValueError, match=r"no Prefect server answers at .* start it, or unset PREFECT_API_URL"
    ):
        find_server()


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, Reply.ANSWERS),
        (404, Reply.ANSWERS),
        (500, Reply.ANSWERS),
        (401, Reply.REFUSES_LOGIN),
        (403, Reply.REFUSES_LOGIN),
        (503, Reply.SILENT),
    ],
)
def test_what_answers_is_told_from_what_does_not(status: int, reply: Reply) -> None:
    with serve(status) as (address, _):
        assert probe(address) is reply
    assert probe(address) is Reply.NOBODY_THERE
