"""Time pieces of work in turn, each in a process of its own with its own settings of memory and threads."""

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

# The processor time of a process can still be compared on a machine that is busy with other work. With more than one
# thread it also counts the threads' busy waiting.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
Work = Callable[[int], None]
"""A function that does a given number of pieces of work."""


class BenchmarkError(RuntimeError):
    """A process of a benchmark could not do its work; the message says why."""


class BenchmarkProcess:
    """A process that does pieces of work on request and reports how many seconds they took.

    Attributes:
        process: the child process that does the work.
    """

    def __init__(self, make_work: Callable[..., Work], *arguments: Any, clock: str = "wall") -> None:
        """Start a process that makes its work and does one piece of it; `receive` returns the seconds of that piece.

        Args:
            make_work: a function at the top level of a module, which the process calls with the arguments.
            arguments: the arguments of `make_work`, which must be picklable.
            clock: the clock that times the work, a key of CLOCKS.
        """
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(make_work, arguments, clock, there), daemon=True)
        self.process.start()
        there.close()

    def run(self, count: int = 1) -> float:
        """Have the process do `count` pieces of work, and return the seconds that they took."""
        self.send(count)
        return self.receive()

    def send(self, count: int) -> None:
        """Ask the process for `count` pieces of work, without waiting for them."""
        try:
            self._pipe.send(count)
        except OSError:
            # The process has ended; `receive` finds out why.
            return

    def receive(self) -> float:
        """Wait for the work that was asked for last, and return the seconds that it took.

        Raises:
            BenchmarkError: the work failed, or the process has ended.
        """
        try:
            answer: float | str = self._pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            raise BenchmarkError(f"its process ended with exit code {self.process.exitcode}") from None
        if isinstance(answer, str):
            self.process.join()
            raise BenchmarkError(answer)
        return answer

    def stop(self) -> None:
        """End the process."""
        self.send(0)
        self.process.join()


def _serve(make_work: Callable[..., Work], arguments: tuple[Any, ...], clock: str, pipe: Connection) -> None:
    """Do one piece of work, then as many as each message asks for, and send the seconds or the error after each."""
    try:
        work = make_work(*arguments)
        count = 1
        while count:
            start = CLOCKS[clock]()
            work(count)
            pipe.send(CLOCKS[clock]() - start)
            count = pipe.recv()
    except EOFError:
        # The benchmark itself has ended.
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
