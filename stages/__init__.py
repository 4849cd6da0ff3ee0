"""The stages, a room each: `python -m stages.train ...`.

Where STAGE_HOST names a socket, a stage does not import torch anew: the process at the other end (the flow's host,
pipeline/flow/host.py) has done so, forks itself and runs the stage with this process's arguments, environment, folder
and streams. This process waits for its exit code; when it is killed, the stage is, too. Nothing else differs.
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STAGE_HOST = "STAGE_HOST"
LENGTH = struct.Struct("!I")
EXIT_CODE = struct.Struct("!i")


def send_request(
    host: socket.socket,
    kind: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[int],
) -> None:
    """Ask a host to run a command in this folder; it answers with the command's exit code.

    Args:
        host: connected to it.
        kind: `dvc`, or `module` for `python -m`.
        arguments: of the command.
        environment: all its variables.
        streams: its standard input, output and error, which the host gets copies of.
    """
    request = {
        "kind": kind,
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": dict(environment),
    }
    content = json.dumps(request).encode()
    socket.send_fds(host, [LENGTH.pack(len(content))], list(streams))
    host.sendall(content)


def _hand_over(path: str) -> None:
    """Have the host run this very command, and exit with its exit code."""
    arguments = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    environment = {key: value for key, value in os.environ.items() if key != STAGE_HOST}
    with socket.socket(socket.AF_UNIX) as host:
        try:
            host.connect(path)
        except OSError:
            # Its flow has ended: go on as without it.
            return
        send_request(host, "module", arguments, environment, streams=(0, 1, 2))
        answer = host.recv(EXIT_CODE.size)
    code = EXIT_CODE.unpack(answer)[0] if len(answer) == EXIT_CODE.size else 1
    # As a shell tells of a command that a signal ended.
    os._exit(code if code >= 0 else 128 - code)


# While `python -m stages.train` finds its module, sys.argv[0] is "-m"; an ordinary import sees a program's name.
if STAGE_HOST in os.environ and sys.argv[:1] == ["-m"]:
    _hand_over(os.environ[STAGE_HOST])
