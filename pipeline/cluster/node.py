"""The part of the cluster's code that runs inside a Dask worker: it makes a clone and starts an agent in it.

The head sends this module's code, because a worker cannot import the project. So the module uses only the standard
library, Dask and Dask's dependencies. The agent is a separate process with the code of the clone, so that it does not
depend on other flows that have run on this worker.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import dask
from distributed import Scheduler, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

BRANCH = "comparison"
# A stage ends when the worker has not heard from the head for this time; the head waits longer before it runs the stage
# on another worker. On a head with a load of fifteen times its cores, beats came up to ten seconds late.
LEASE_SECONDS = 20.0
BEAT_SECONDS = 1.0
POLL_SECONDS = 0.5
END_SECONDS = 5.0
SHOWN_DIFFERENCES = 5
# A worker gives this reason if its agent ended between two stages, so that the next stage has not started.
NO_AGENT = "its agent was not there"


@dataclass(frozen=True)
class Clone:
    """The data from which a worker makes its clone.

    Attributes:
        bundle: the bytes of a Git bundle with one branch.
        config: the content of the clone's `.dvc/config.local`.
        folder: the folder in which the clone is made; None for the folder for temporary files.
        scratch: the folder for checkpoints; None for the clone's own.
        threads: the head's environment variables that set the number of threads of libraries.
    """

    bundle: bytes
    config: str
    folder: str | None
    scratch: str | None
    threads: dict[str, str]


class Node(WorkerPlugin):  # type: ignore[misc]
    """A Dask plugin that runs the stages of one flow on one worker, one at a time, and cleans up at its end."""

    def __init__(self, name: str, clone: Clone) -> None:
        """Prepare the plugin, which is then sent to each usable worker.

        Args:
            name: the name of the plugin and of the topic of its events, which is unique for each flow.
            clone: the data of the clone.
        """
        self.name = name
        self._clone = clone

    def setup(self, worker: Worker) -> None:
        """Set up the plugin on a worker."""
        self._worker = worker
        self._changing, self._writing = threading.RLock(), threading.Lock()
        self._folder: Path | None = None
        self._agent: subprocess.Popen[str] | None = None
        self._heard, self._is_silent = time.monotonic(), False
        self._has_ended = threading.Event()
        worker.stream_handlers[self.name] = self.beat
        threading.Thread(target=self._watch, name="watch over the head", daemon=True).start()

    def teardown(self, worker: Worker) -> None:
        """Clean up on a worker that is closed or no longer needed."""
        self._has_ended.set()
        self.end()
        # The last beat may arrive after this, and Dask ends a worker that gets an unknown message.
        worker.stream_handlers[self.name] = ignore_beat

    def prepare(self) -> dict[str, Any]:
        """Make the clone and start the agent.

        Returns:
            `host`; `job`, the number of the SLURM job, "" for none; and `differences`, the packages that differ from
            constraints.txt. If there are any, no agent is started.
        """
        found = {
            "host": os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
            "job": os.environ.get("SLURM_JOB_ID", ""),
        }
        with self._changing:
            self.end()
            self._heard, self._is_silent = time.monotonic(), False
            self._folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=self._clone.folder))
            repository = make_clone(self._folder, self._clone)
            pins = (repository / "constraints.txt").read_text(encoding="utf-8")
            needed = (repository / "requirements.txt").read_text(encoding="utf-8")
            differences = find_differences(pins, needed)
            if differences:
                self.end()
            else:
                self._agent = start_agent(self._folder, repository, self._clone.threads)
        return found | {"differences": differences}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the agent run a stage, and return its result; the stage's output is sent as events.

        Args:
            request: see `pipeline.cluster.agent`.

        Returns:
            The result; or `lost` with a reason, if the agent has ended.
        """
        with self._changing:
            agent, folder = self._agent, self._folder
        if agent is None or folder is None or not self._write(agent, request):
            return {"lost": NO_AGENT}
        assert agent.stdout is not None
        for line in agent.stdout:
            event = json.loads(line)
            if "result" in event:
                return dict(event["result"])
            self._worker.log_event(self.name, event | {"stage": request["run"]})
        log = folder / "agent.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        silence = f"it did not hear of the head for {LEASE_SECONDS:g} seconds"
        return {"lost": silence if self._is_silent else ": ".join(["its agent ended", *lines[-1:]])}

    def beat(self) -> None:
        """Record a sign of life from the head, and pass it on to the agent."""
        self._heard = time.monotonic()
        agent = self._agent
        if agent is not None:
            self._write(agent, {"beat": True})

    def end(self) -> None:
        """End the agent and its stage, and remove the clone."""
        with self._changing:
            agent, self._agent = self._agent, None
            folder, self._folder = self._folder, None
            if agent is not None:
                end_agent(agent)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _watch(self) -> None:
        while not self._has_ended.wait(POLL_SECONDS):
            if self._agent is not None and time.monotonic() - self._heard > LEASE_SECONDS:
                self._is_silent = True
                self.end()

    def _write(self, agent: "subprocess.Popen[str]", message: dict[str, Any]) -> bool:
        assert agent.stdin is not None
        with self._writing, contextlib.suppress(OSError, ValueError):
            agent.stdin.write(json.dumps(message) + "\n")
            agent.stdin.flush()
            return True
        return False


def make_clone(folder: Path, clone: Clone) -> Path:
    """Make the clone in a folder, and return its path."""
    bundle, repository = folder / "state.bundle", folder / "repository"
    bundle.write_bytes(clone.bundle)
    subprocess.run(
        ["git", "clone", "--quiet", "--branch", BRANCH, str(bundle), str(repository)],
        check=True,
        capture_output=True,
        text=True,
    )
    bundle.unlink()
    (repository / ".dvc" / "config.local").write_text(clone.config, encoding="utf-8")
    if clone.scratch is not None:
        Path(clone.scratch).mkdir(parents=True, exist_ok=True)
        (repository / ".scratch").symlink_to(clone.scratch)
    return repository


def start_agent(folder: Path, repository: Path, threads: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the agent in a clone, with this worker's Python, in a session of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    temporary = folder / "tmp"
    temporary.mkdir()
    # Dask's nanny sets these variables for its worker only. Other values were set by a person, and hold for stages too.
    dasks = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    own = {name: value for name, value in os.environ.items() if name not in dasks}
    # Stages are modules in the clone, which Python would not find if PYTHONSAFEPATH were set.
    environment = own | threads | {"PATH": path, "PYTHONSAFEPATH": "", "PYTHONUNBUFFERED": "1"}
    with (folder / "agent.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cluster.agent", str(LEASE_SECONDS), str(folder)],
            cwd=repository,
            env=environment | {"TMPDIR": str(temporary), "DVC_NO_ANALYTICS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )


def end_agent(agent: "subprocess.Popen[str]") -> None:
    """End an agent by closing its standard input, at which it ends its stage; kill it if it does not end in time."""
    with contextlib.suppress(OSError):
        assert agent.stdin is not None
        agent.stdin.close()
    try:
        agent.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        # The agent's children end when the agent has ended, because they watch a pipe of it.
        agent.kill()
        agent.wait()


def find_differences(pins: str, needed: str) -> list[str]:
    """Compare the packages of this Python with those that constraints.txt pins.

    Args:
        pins: the text of constraints.txt.
        needed: the text of requirements.txt, whose packages must be installed; other pinned packages may be missing.

    Returns:
        A line for each of the first five differences, and a line with the number of the others.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    def parse(text: str) -> list[Requirement]:
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        wanted = [Requirement(line) for line in lines if line and not line.startswith("-")]
        return [one for one in wanted if one.marker is None or one.marker.evaluate()]

    installed: dict[str, Version] = {}
    for one in distributions():
        # If a package is installed twice, Python imports the one that comes first on its path.
        installed.setdefault(canonicalize_name(one.metadata["Name"]), Version(one.version))
    required = {canonicalize_name(one.name) for one in parse(needed)}
    found = []
    for pin in parse(pins):
        version = installed.get(canonicalize_name(pin.name))
        if version is None and canonicalize_name(pin.name) in required:
            found.append(f"{pin.name} is not installed, constraints.txt has {pin.specifier}")
        # A local build such as 2.14.1+cu130 counts as the public version 2.14.1.
        elif version is not None and not pin.specifier.contains(version.public, prereleases=True):
            found.append(f"{pin.name} {version} is installed, constraints.txt has {pin.specifier}")
    more = [f"and {len(found) - SHOWN_DIFFERENCES} more"] if len(found) > SHOWN_DIFFERENCES else []
    return found[:SHOWN_DIFFERENCES] + more


# What the head calls on a worker


def prepare_node(node: Node) -> dict[str, Any]:
    """Call `Node.prepare` on this worker; the first call also sets up the plugin."""
    worker = get_worker()
    if node.name not in worker.plugins:
        adding = worker.plugin_add(node, name=node.name, catch_errors=False)
        asyncio.run_coroutine_threadsafe(adding, worker.loop.asyncio_loop).result()
    found: dict[str, Any] = worker.plugins[node.name].prepare()
    return found


def run_on_node(name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call `Node.run` on this worker."""
    found: dict[str, Any] = get_worker().plugins[name].run(request)
    return found


def beat_nodes(name: str, addresses: list[str], dask_scheduler: Scheduler) -> None:
    """Make the scheduler call `Node.beat` on workers.

    The scheduler sends the beats on its open streams to the workers, and does not wait for answers. A call of all
    workers would wait for the slowest one, and a worker that does not answer would delay the beats of all others.
    """
    for address in addresses:
        if address in dask_scheduler.stream_comms:
            dask_scheduler.worker_send(address, {"op": name})


def ignore_beat() -> None:
    """Ignore a beat, because the flow has ended on this worker."""


async def end_node(name: str, dask_worker: Worker) -> None:
    """Remove the plugin from a worker, which calls `Node.teardown`."""
    if name in dask_worker.plugins:
        await dask_worker.plugin_remove(name)
