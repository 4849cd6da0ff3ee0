"""Functions that the tests call in child processes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def start_another() -> None:
    """Start another process, leave a temporary file, print the ids of both, and wait for it."""
    tempfile.mkstemp()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(os.getpid(), other.pid)
    other.wait()


def print_and_return(value: int) -> dict[str, object]:
    """Print in three ways, and return more than a pipe holds."""
    print("first")
    subprocess.run(["echo", "second"], check=True)
    print("third", file=sys.stderr)
    return {
        "value": value,
        "large": "x" * 1_000_000,
        "variable": os.environ["ONLY_THERE"],
        "folder": Path.cwd(),
    }


def fail() -> None:
    """Raise an error."""
    raise KeyError("missing")


def die() -> None:
    """Kill this process while another process still holds its output open."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    os.kill(os.getpid(), signal.SIGKILL)


def find_torch_and_cuda() -> tuple[bool, bool]:
    """Return whether torch is imported, and whether it has initialised CUDA."""
    torch: Any = sys.modules.get("torch")
    return torch is not None, torch is not None and torch.cuda.is_initialized()


def find_hash_database() -> str:
    """Return the folder in which DVC keeps its hashes of files."""
    from pipeline.dvc.repo import open_repo

    with open_repo() as (repo, _):
        return str(repo.site_cache_dir)
