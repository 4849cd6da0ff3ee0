"""Call functions in child processes that have imported DVC and torch, and that end with the process that started them.

On Linux, where fork is safe, a child is forked from the standard library's fork server. Elsewhere it is spawned and has
to import again. Each child calls one function and leads its own session. When the process that started the child dies,
in any way, the child notices the end of a pipe and kills its session.
"""

import contextlib
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any, Generic, Self, TypeVar

from pipeline.dvc.fork_server import CAN_FORK, Folders, start_fork_server

T = TypeVar("T")
GRACE_SECONDS = 3.0
POLL_SECONDS = 0.05
# The read end of the pipe that a child watches; a stage that the child forks watches it too.
_lifeline: Connection | None = None
CHILD_SETTINGS = {
    "PYTHONUNBUFFERED": "1",
    # The output of a child is read as UTF-8, whatever the encoding of the user's terminal is.
    "PYTHONIOENCODING": "utf-8:backslashreplace",
    # Stages are modules in the working folder, which Python would not find if the user has set this variable.
    "PYTHONSAFEPATH": "",
}
# A child would import this process's main module, so the module is hidden during a start. The lock allows only one
# start at a time.
_starting = threading.Lock()


class StoppedError(RuntimeError):
    """The pool is being stopped, and its children with it."""


class DiedError(RuntimeError):
    """A child ended before it returned anything."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A function call that is sent to a child.

    Attributes:
        function: a function of a module that the child can import.
        arguments: the positional arguments of the function.
        environment: all variables of the child's environment.
        folder: the child's working folder.
    """

    function: Callable[..., T]
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]
    folder: str


class WorkerPool:
    """Calls functions in child processes; leaving its context ends them all."""

    def __init__(self, is_preloaded: bool = True) -> None:
        """Prepare to start children.

        Args:
            is_preloaded: whether children are forked from a process that has imported DVC and torch, if fork is safe.
        """
        can_fork = is_preloaded and CAN_FORK
        self._context: Any = multiprocessing.get_context("forkserver" if can_fork else "spawn")
        self._folders = start_fork_server() if can_fork else None
        self._temporary = {"TMPDIR": str(self._folders.temporary)} if self._folders else {}
        # Children hold the read end; the write end is closed when this process stops the pool or dies.
        self._watched, self._alive = self._context.Pipe(duplex=False)
        self._processes: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._is_stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(
        self,
        function: Callable[..., T],
        *arguments: Any,
        on_line: Callable[[str], None] = lambda line: None,
        environment: Mapping[str, str] | None = None,
    ) -> T:
        """Call a function in a child process, in this process's working folder, and return its return value.

        Args:
            function: a function of a module that the child can import.
            *arguments: the arguments of the function; they and the return value are pickled.
            on_line: a function that is called with each line that the child and its children print.
            environment: further environment variables, which override those of this process.

        Raises:
            StoppedError: the pool is being stopped.
            DiedError: the child was killed.
            Exception: the exception that the function raised.
        """
        call = Call(
            function,
            arguments,
            os.environ | CHILD_SETTINGS | self._temporary | dict(environment or {}),
            str(Path.cwd()),
        )
        output, child_output = self._context.Pipe(duplex=False)
        answer, child_answer = self._context.Pipe(duplex=False)
        with output, answer:
            with child_output, child_answer:
                process = self._start(call, child_output, child_answer)
            answered: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
            # A daemon thread, so that the call of a server does not prevent the exit of the interpreter.
            threading.Thread(
                target=lambda: answered.put(_wait_for_answer(process, answer)), daemon=True
            ).start()
            with os.fdopen(os.dup(output.fileno()), encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    on_line(line.rstrip())
            is_good, value = answered.get()
            with self._lock:
                self._processes.discard(process)
            if self._is_stopping:
                raise StoppedError("the flow is being stopped")
        if not is_good:
            raise value
        return value  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End every child and its own children: by SIGTERM, and after three seconds by SIGKILL."""
        with self._lock:
            self._is_stopping = True
            left = set(self._processes)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in left:
            _signal_session(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline and any(_signal_session(process.pid, 0) for process in left):
            time.sleep(POLL_SECONDS)
        for process in left:
            _signal_session(process.pid, signal.SIGKILL)
        self._alive.close()

    def _start(self, call: Call[Any], output: Connection, answer: Connection) -> BaseProcess:
        process: BaseProcess = self._context.Process(
            target=_serve, args=(call, self._watched, output, answer, self._folders), daemon=True
        )
        with _starting, _without_main_module():
            process.start()
        with self._lock:
            self._processes.add(process)
            is_late = self._is_stopping
        if is_late:
            _signal_session(process.pid, signal.SIGKILL)
        return process


def _wait_for_answer(process: BaseProcess, answer: Connection) -> tuple[bool, Any]:
    """Wait until a child has ended, kill its left processes, and return its answer; an error if it sent none."""
    try:
        # A stage that the child has forked may keep the pipe open, so the end of the child itself is awaited too.
        result = answer.recv() if answer in wait([answer, process.sentinel]) else None
    except EOFError:
        result = None
    process.join()
    _signal_session(process.pid, signal.SIGKILL)
    if result is None:
        code = process.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return False, DiedError(f"its process {how}")
    return result  # type: ignore[no-any-return]


def _signal_session(leader: int | None, number: int) -> bool:
    """Send a signal to the process group of a session's leader, and return whether the group exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if leader is not None:
            os.killpg(leader, number)
            return True
    return False


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide the main module, such as Prefect's engine or a test runner, which a child would otherwise import."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(
    call: Call[Any], watched: Connection, output: Connection, answer: Connection, folders: Folders | None
) -> None:
    """Run in the child: call the function, and send its return value or its exception to the parent."""
    global _lifeline
    os.setsid()
    _lifeline = watched
    watch_lifeline(folders)
    _redirect_output(output)
    enter(call.folder, call.environment)
    try:
        result = (True, call.function(*call.arguments))
    except Exception as error:
        result = (False, error)
    sys.stdout.flush()
    sys.stderr.flush()
    answer.send(result)


def enter(folder: str, environment: Mapping[str, str]) -> None:
    """Change this process's working folder, and replace all its environment variables."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Python caches TMPDIR, so the cache is cleared.
    tempfile.tempdir = None


def watch_lifeline(folders: Folders | None = None) -> None:
    """Start a thread that kills this process group when the process that started the pool has ended.

    A forked process has to call this again, because threads are not inherited.

    Args:
        folders: the folders to remove before that; None for none.
    """
    lifeline = _lifeline
    if lifeline is None:
        return

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv_bytes()
        if folders is not None:
            folders.remove()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _redirect_output(output: Connection) -> None:
    """Redirect the output of this process and of its children to a pipe, with line buffering."""
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    sys.stdout, sys.stderr = (
        open(descriptor, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        for descriptor in (1, 2)
    )


def run_module(name: str, *arguments: str) -> int:
    """Run `python -m NAME ARGUMENTS...` in this process, and return its exit code."""
    # With -m the interpreter puts the working folder first on the path.
    sys.path[:0] = [str(Path.cwd())]
    sys.argv = [name, *arguments]
    # Loaded modules of the package may be older than their files, or those of another repository.
    package = name.partition(".")[0]
    for loaded in [module for module in sys.modules if module.partition(".")[0] == package]:
        del sys.modules[loaded]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
