"""The flow's side of its host: start a command there, read its lines, learn its exit code."""

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from pipeline.flow.host import CAN_FORK
from pipeline.flow.timing import Life
from stages import EXIT_CODE, STAGE_HOST, send_request

START_SECONDS = 60.0
STOP_SECONDS = 8.0


class StoppedError(RuntimeError):
    """The flow is being ended, and its commands with it."""


class Warm:
    """A host, and commands run in it; leaving the context ends them all."""

    def __init__(self, *kinds: str) -> None:
        """Start the host.

        Args:
            kinds: of commands whose imports it does at once.
        """
        # Socket paths are short by law of the system; only the user may enter the folder.
        self._folder = Path(tempfile.mkdtemp(prefix="flow-"))
        self._socket = self._folder / "host"
        self._times = self._folder / "times.jsonl"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.flow.host", str(self._socket), str(self._times), *kinds],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.is_stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End every command, within ten seconds."""
        self.is_stopping = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read_lives(self) -> list[Life]:
        """Read when each command that has ended began and ended."""
        lines = self._times.read_text(encoding="utf-8").splitlines() if self._times.exists() else []
        return [Life(*json.loads(line)) for line in lines]

    def run(
        self,
        kind: str,
        *arguments: str,
        show: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command to its end.

        Args:
            kind: `dvc`; `module` for `python -m` of a stage; `server` for that of Prefect's server.
            arguments: of the command.
            show: gets each line that it prints, without its end.
            environment: more variables.

        Returns:
            The exit code; minus the signal's number where one ended it.

        Raises:
            StoppedError: the flow is being ended.
        """
        read, write = os.pipe()
        with os.fdopen(read, encoding="utf-8", errors="replace") as lines:
            try:
                caller = self._call(kind, arguments, environment or {}, write)
            finally:
                os.close(write)
            with caller:
                for line in lines:
                    show(line.rstrip())
                code = caller.recv(EXIT_CODE.size)
        if self.is_stopping:
            raise StoppedError("stopped: the flow is being ended")
        if len(code) < EXIT_CODE.size:
            raise RuntimeError(
                "the flow's host has died, and what ran in it; start the flow again, it goes on from there"
            )
        return int(EXIT_CODE.unpack(code)[0])

    def _call(
        self, kind: str, arguments: tuple[str, ...], more: Mapping[str, str], output: int
    ) -> socket.socket:
        variables = os.environ | {"PYTHONUNBUFFERED": "1"} | dict(more)
        if CAN_FORK:
            # A stage that is started with this lets the host run it.
            variables[STAGE_HOST] = str(self._socket)
        caller = self._connect()
        with Path(os.devnull).open("rb") as nothing:
            send_request(caller, kind, arguments, variables, streams=(nothing.fileno(), output, output))
        return caller

    def _connect(self) -> socket.socket:
        """Connect to the host, which may still be starting."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            caller = socket.socket(socket.AF_UNIX)
            try:
                caller.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                caller.close()
                if self.is_stopping:
                    raise StoppedError("stopped: the flow is being ended") from None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"the flow's host did not start (exit code {self._process.poll()})"
                    ) from None
                time.sleep(0.02)
            else:
                return caller


_started: list[Warm] = []


def start_early() -> None:
    """Start the host of this process's next flow, which imports while the flow's server starts."""
    _started.append(Warm("dvc", "module"))
    atexit.register(_started[0].stop)


def take() -> Warm:
    """Take the host that was started early, or start one."""
    return _started.pop() if _started else Warm()


def capture(warm: Warm, kind: str, *arguments: str) -> str:
    """Run a command and return what it printed.

    Raises:
        ValueError: it failed; says what it printed.
    """
    lines: list[str] = []
    if warm.run(kind, *arguments, show=lines.append) != 0:
        command = " ".join([kind, *arguments])
        raise ValueError(f"`{command}` failed:\n" + "\n".join(lines))
    return "\n".join(lines)
