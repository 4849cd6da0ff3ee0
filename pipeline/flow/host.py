"""A process that has DVC and torch imported and forks each command off itself: what starts so need not import them.

`python -m pipeline.flow.host SOCKET TIMES [KIND...]` serves one flow, which holds the other end of its standard input:
when that closes, however the flow ended, every command's whole process group is ended, too. A command whose caller goes
away is ended likewise. The socket is the user's own, in a folder that nobody else may enter. TIMES is a file beside it
that gets a line of JSON a command that has ended: kind, last argument, begin, end. What commands of a KIND import is
imported at once; of the others, when the first is asked for.

Where fork is not safe once libraries are loaded (macOS), commands are started as ordinary processes; all else holds.
"""

import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.flow import lock_file
from pipeline.flow.whole_files import write_whole
from stages import EXIT_CODE, LENGTH

CAN_FORK = sys.platform == "linux"
STREAMS = 3
GRACE_SECONDS = 3.0
DOOM_SECONDS = 0.05
# What a process of its own runs in the place of run_dvc.
DVC = "import sys; from pipeline.flow.host import run_dvc; sys.exit(run_dvc(sys.argv[1:]))"

# Third-party modules that commands of a kind import; never code of ours, which is read anew by each command.
IMPORTS = {
    "server": (),
    "dvc": (
        "configobj",
        "dulwich.client",
        "dulwich.ignore",
        "dulwich.index",
        "dulwich.trailers",
        "dulwich.worktree",
        "dvc._debug",
        "dvc.analytics",
        "dvc.cachemgr",
        "dvc.cli.parser",
        "dvc.commands.repro",
        "dvc.data_cloud",
        "dvc.dirs",
        "dvc.lock",
        "dvc.repo.artifacts",
        "dvc.repo.datasets",
        "dvc.repo.metrics",
        "dvc.repo.open_repo",
        "dvc.repo.params",
        "dvc.repo.plots",
        "dvc.repo.reproduce",
        "dvc.repo.stage",
        "dvc.rwlock",
        "dvc.scm",
        "dvc.stage.cache",
        "dvc.utils.strictyaml",
        "dvc_data.hashfile._progress",
        "dvc_data.hashfile.db.local",
        "dvc_data.hashfile.status",
        "dvc_data.index",
        "flufl.lock",
        "fsspec.implementations.memory",
        "platformdirs",
        "psutil",
        "ruamel.yaml",
        "scmrepo.git",
        "zc.lockfile",
    ),
    "module": (
        "torch",
        "numpy",
        "scipy.linalg",
        "scipy.sparse.linalg",
        "pydantic",
        "yaml",
        "safetensors.torch",
        "safetensors.numpy",
        "PIL.Image",
        "tqdm",
    ),
}


class Host:
    """Starts commands, reports their exit codes, and ends them with their callers."""

    def __init__(self, listener: socket.socket, lifeline: int, times: Path) -> None:
        self._times = times
        self._lives: dict[int, tuple[str, str, float]] = {}
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._callers: dict[int, socket.socket] = {}
        self._doomed: dict[int, float] = {}
        self._lifeline = lifeline
        self._is_stopping = False
        self._imported: set[str] = set()
        # A signal that arrives wakes the selector.
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        # Ctrl-C of a terminal is the flow's to handle.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(read, selectors.EVENT_READ, lambda: os.read(read, 4096))
        self._selector.register(lifeline, selectors.EVENT_READ, self._stop)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Serve until the lifeline closes and all that still ran is ended."""
        while not self._is_stopping or self._doomed:
            for key, _ in self._selector.select(DOOM_SECONDS if self._doomed else None):
                key.data()
            self._reap()
            self._finish_doomed()

    def import_for(self, kind: str) -> None:
        """Import what commands of a kind import, once, where they are forked."""
        if CAN_FORK and kind not in self._imported:
            self._imported.add(kind)
            for name in IMPORTS[kind]:
                importlib.import_module(name)

    def _stop(self, _: int = 0, __: FrameType | None = None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._selector.unregister(self._lifeline)
            self._selector.unregister(self._listener)
            for pid in list(self._callers):
                self._end(pid)

    def _accept(self) -> None:
        caller, _ = self._listener.accept()
        try:
            request, streams = receive_request(caller)
        except (OSError, ValueError):
            caller.close()
            return
        pid = self._start(request, streams)
        for stream in streams:
            os.close(stream)
        self._lives[pid] = (request["kind"], name_command(request), time.time())
        self._callers[pid] = caller
        self._selector.register(caller, selectors.EVENT_READ, lambda: self._end(pid))

    def _end(self, pid: int) -> None:
        """End a command whose caller has gone; callers send nothing after their request."""
        self._forget(pid)
        if signal_group(pid, signal.SIGTERM):
            self._doomed[pid] = time.monotonic() + GRACE_SECONDS

    def _finish_doomed(self) -> None:
        """Kill what is left of groups after their grace."""
        for pid, deadline in list(self._doomed.items()):
            is_late = time.monotonic() > deadline
            if not signal_group(pid, signal.SIGKILL if is_late else 0) or is_late:
                del self._doomed[pid]

    def _start(self, request: dict[str, Any], streams: Sequence[int]) -> int:
        if not CAN_FORK:
            return start_process(request, streams)
        self.import_for(request["kind"])
        if request["kind"] == "dvc":
            lock_file.learn(Path(request["folder"]) / lock_file.NAME)
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            self._listener.close()
            for caller in self._callers.values():
                caller.close()
            become(request, streams)
        return pid

    def _reap(self) -> None:
        """Report the exit of every command that has ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                self._write_time(pid)
                caller = self._forget(pid)
                if caller is not None:
                    with contextlib.suppress(OSError):
                        caller.sendall(EXIT_CODE.pack(os.waitstatus_to_exitcode(status)))
                    caller.close()

    def _write_time(self, pid: int) -> None:
        if life := self._lives.pop(pid, None):
            with contextlib.suppress(OSError), self._times.open("a", encoding="utf-8") as file:
                file.write(json.dumps([*life, time.time()]) + "\n")

    def _forget(self, pid: int) -> socket.socket | None:
        caller = self._callers.pop(pid, None)
        if caller is not None:
            self._selector.unregister(caller)
        return caller


def become(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Turn a fresh fork into the command asked for; does not return."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        code = call(lambda: COMMANDS[request["kind"]](request["arguments"]))
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def call(command: Callable[[], int | None]) -> int:
    """Call a command as the interpreter would, and return its exit code."""
    try:
        return command() or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    return 1


def run_dvc(arguments: list[str]) -> int:
    """Run DVC's command line."""
    lock_file.hasten()
    write_whole()
    if "--wait-for-lock" in arguments:
        lock_file.look_often()
    main = importlib.import_module("dvc.cli").main
    return int(main(arguments))


def run_module(arguments: list[str]) -> None:
    """Run `python -m MODULE ARGUMENTS...`."""
    sys.argv = list(arguments)
    # The interpreter puts the working folder there for -m.
    sys.path[0] = str(Path.cwd())
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "dvc": run_dvc,
    "module": run_module,
    "server": run_module,
}


def start_process(request: dict[str, Any], streams: Sequence[int]) -> int:
    """Start the command as a process of its own, and return its process id."""
    prefix = ["-c", DVC] if request["kind"] == "dvc" else ["-m"]
    process = subprocess.Popen(
        [sys.executable, *prefix, *request["arguments"]],
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        cwd=request["folder"],
        env=request["environment"],
        start_new_session=True,
    )
    # It is waited for with all others.
    process.returncode = 0
    return process.pid


def name_command(request: dict[str, Any]) -> str:
    """Name what a request runs: a module, or the stage that DVC is asked for."""
    return str(request["arguments"][0 if request["kind"] == "module" else -1])


def receive_request(caller: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive what to run, and its standard streams.

    Raises:
        ValueError: the caller went away, or sent something else.
    """
    header, streams, *_ = socket.recv_fds(caller, LENGTH.size, STREAMS)
    if len(header) < LENGTH.size or len(streams) < STREAMS:
        raise ValueError("no request")
    missing, content = LENGTH.unpack(header)[0], b""
    while missing > len(content):
        part = caller.recv(missing - len(content))
        if not part:
            raise ValueError("half a request")
        content += part
    return json.loads(content), streams


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to a process group, and tell whether the group is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
        return True
    return False


def main() -> None:
    """Serve the socket that the command line names."""
    path, times, *kinds = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    host = Host(listener, lifeline=0, times=Path(times))
    for kind in kinds:
        host.import_for(kind)
    host.serve()


if __name__ == "__main__":
    main()
