"""Time work in processes of their own, so that each has its own settings of memory and threads, and interleave them."""

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

# A process's own seconds on a processor still compare on a machine that is busy otherwise; with more than one thread
# they count waiting, too.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
Work = Callable[[int], None]
"""Does so many pieces of work."""


class BenchmarkError(RuntimeError):
    """A process of a benchmark could not do its work; the message says why."""


class BenchmarkProcess:
    """A process that does its work when it is told to, and reports the seconds that it took.

    Attributes:
        process: where the work is done.
    """

    def __init__(self, make_work: Callable[..., Work], *arguments: Any, clock: str = "wall") -> None:
        """Start a process that makes its work and does one piece of it; `receive` returns the seconds of that.

        Args:
            make_work: called in the process, with the arguments; a function at the top of a module.
            arguments: which can be pickled.
            clock: a key of CLOCKS.
        """
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(make_work, arguments, clock, there), daemon=True)
        self.process.start()
        there.close()

    def run(self, count: int = 1) -> float:
        """Have the process do `count` pieces of work; return the seconds that it took."""
        self.send(count)
        return self.receive()

    def send(self, count: int) -> None:
        """Tell the process to do `count` pieces of work, without waiting for it."""
        try:
            self._pipe.send(count)
        except OSError:
            # The process has ended; `receive` finds out why.
            return

    def receive(self) -> float:
        """Wait for the work last told, and return the seconds that it took.

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
    """Do one piece of work, then as many as the pipe asks for each time, and send the seconds or what went wrong."""
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
