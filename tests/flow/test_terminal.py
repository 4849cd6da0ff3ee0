"""The output of a run on a pseudo-terminal: bars, scores, a table, and one line at the end."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from pipeline.flow.terminal import LOG_FILE
from tests.driving import change, make_environment
from tests.flow.driving import wait_until_alone

pytestmark = pytest.mark.slow
BAR = "━"
CTRL_C = b"\x03"
LINES = 40


class Run:
    """A run of the flow whose standard streams are a pseudo-terminal."""

    def __init__(self, columns: int) -> None:
        self.screen = pyte.HistoryScreen(columns, LINES, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self._terminal, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.flow", "run"],
            env=make_environment(TERM="xterm-256color"),
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
            # Ctrl-C reaches only processes of the session that the terminal belongs to.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(child)

    def press(self, keys: bytes) -> None:
        """Type at the terminal."""
        os.write(self._terminal, keys)

    def read_until(self, can_run_with: Callable[[list[str]], bool] = lambda lines: False) -> int | None:
        """Read until a condition on the shown text holds or the run ends; return the exit code, None if it runs on."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                self._stream.feed(os.read(self._terminal, 65536))
            except OSError:
                # No process has the terminal open any more.
                return self.process.wait(30)
            if can_run_with(self.shown()):
                return None
        raise AssertionError("\n".join(self.all_lines()))

    def shown(self) -> list[str]:
        """Return the lines that the terminal shows."""
        return [line.rstrip() for line in self.screen.display]

    def all_lines(self) -> list[str]:
        """Return all lines that are not empty, including those that have scrolled off the top."""
        width = range(self.screen.columns)
        left = ["".join(line[column].data for column in width) for line in self.screen.history.top]
        return [line for line in map(str.rstrip, [*left, *self.screen.display]) if line]


def find_bars(lines: list[str]) -> list[str]:
    return [line for line in lines if BAR in line]


@pytest.mark.usefixtures("repository")
def test_bars_are_whole_ctrl_c_is_one_line_and_the_next_run_ends_with_the_table() -> None:
    change(lambda params: params["train"].update(generator_steps=3000, checkpoint_every_generator_steps=50))
    first = Run(columns=80)
    assert first.read_until(lambda lines: any("/3000" in line for line in lines)) is None
    trials = [line for line in find_bars(first.shown()) if not line.startswith("all stages")]
    assert trials and all(line.count(BAR) >= 39 for line in trials)
    first.press(CTRL_C)
    assert first.read_until() == 130
    lines = first.all_lines()
    assert not find_bars(lines), lines
    assert lines[-2].startswith("stopped; the next run goes on from the checkpoints"), lines
    assert str(LOG_FILE) in lines[-1]
    assert not any("Traceback" in line or "Crash" in line for line in lines)
    wait_until_alone()

    change(lambda params: params["train"].update(generator_steps=30, checkpoint_every_generator_steps=50))
    second = Run(columns=120)
    assert second.read_until() == 0
    lines = second.all_lines()
    assert not find_bars(lines), lines
    assert sum("  FID " in line and "generator step 30" in line for line in lines) == 2, lines
    assert any(line.startswith("SNGAN ") for line in lines)
    assert lines[-1].startswith("Open report/index.html"), lines
    assert len(lines) < 25, lines
    assert "Running stage 'train@sngan-A-0'" in LOG_FILE.read_text(encoding="utf-8")
    assert Path(f"{LOG_FILE}.1").exists()
