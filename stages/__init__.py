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
from pathlib import Path


def _hand_over(path: str) -> None:
    """Have the host run this very command, and exit with its exit code."""
    arguments = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    request = {
        "kind": "module",
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": {key: value for key, value in os.environ.items() if key != "STAGE_HOST"},
    }
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as host:
        try:
            host.connect(path)
        except OSError:
            # Its flow has ended: go on as without it.
            return
        socket.send_fds(host, [struct.pack("!I", len(content))], [0, 1, 2])
        host.sendall(content)
        answer = host.recv(4)
    code = struct.unpack("!i", answer)[0] if len(answer) == 4 else 1
    # As a shell tells of a command that a signal ended.
    os._exit(code if code >= 0 else 128 - code)


# While `python -m stages.train` finds its module, sys.argv[0] is "-m"; an ordinary import sees a program's name.
if "STAGE_HOST" in os.environ and sys.argv[:1] == ["-m"]:
    _hand_over(os.environ["STAGE_HOST"])
