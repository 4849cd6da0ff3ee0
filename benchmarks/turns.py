"""Contenders that take turns, each in a process of its own: its allocator's settings and its threads are its own."""

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

# On a machine that is busy otherwise a process's own seconds on a processor still compare; with more than one thread
# they count waiting too.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


class Contender:
    """A process that does its work when it is told to.

    Attributes:
        process: where it works.
        first_seconds: what its first piece of work took.
    """

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        """Start `serve(*arguments, pipe)`, which has to end in `take_turns`, and wait for its first piece."""
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self.process = context.Process(target=serve, args=(*arguments, there), daemon=True)
        self.process.start()
        there.close()
        self.first_seconds: float = self._pipe.recv()

    def work(self, count: int = 1) -> float:
        """Have it do `count` pieces of work; return the seconds it took."""
        self._pipe.send(count)
        seconds: float = self._pipe.recv()
        return seconds

    def finish(self) -> None:
        """End the process."""
        self._pipe.send(0)
        self.process.join()


def take_turns(work: Callable[[int], None], pipe: Connection, clock: str = "wall") -> None:
    """Do one piece of work, then as many as the pipe asks for each time, and tell the seconds."""
    count = 1
    while count:
        start = CLOCKS[clock]()
        work(count)
        pipe.send(CLOCKS[clock]() - start)
        count = pipe.recv()
