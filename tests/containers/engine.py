"""Build the image on a container engine, and start the services of compose.yaml as a user does."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.driving import ROOT, call
from tests.serving import find_free_port, wait_until

ASKED = "CONTAINER_TESTS"
# Further options of `docker build`, such as "--build-arg DEVICE=cuda".
BUILD_OPTIONS = "BUILD_OPTIONS"
IMAGE = "gan-comparison"
# The build downloads torch, which has gigabytes.
BUILD_SECONDS = 3600
HEALTHY_SECONDS = 240
# The id of a user that the image does not know.
NAMELESS = 1234


def require_engine() -> None:
    """Skip a test with a reason, unless container tests are requested and an engine answers."""
    if not os.environ.get(ASKED):
        pytest.skip("containers take minutes and 15 GB of disk: `make test-containers` tests them")
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("no container engine answers: see `docker info`")


def find_compose() -> list[str]:
    """Find Compose, version 2 or 1; skip the test with a reason if there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True).returncode == 0
        ):
            return command
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


def build_image() -> None:
    """Build the image of the working tree; layers that are already built are reused."""
    options = shlex.split(os.environ.get(BUILD_OPTIONS, ""))
    command = ["docker", "build", "--quiet", "--tag", IMAGE, *options, "."]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stderr


def run_image(*options: str, command: tuple[str, ...] = (), may_fail: bool = False) -> str:
    """Run a container of the image to its end, and return its output."""
    return call("docker", "run", "--rm", *options, IMAGE, *command, may_fail=may_fail)


def give_to(folder: Path, user: int, group: int) -> None:
    """Make a user the owner of all files in a folder, by a container, because that needs root's rights."""
    run_image(
        *("--user", "0:0", "--volume", f"{folder}:/comparison"),
        command=("chown", "--recursive", f"{user}:{group}", "/comparison"),
    )


class Stack:
    """The services of compose.yaml for a copy of the repository, under a name and on ports of their own.

    Attributes:
        folder: the copy.
        variables: the variables of the copy's .env.
        ports: the port of each service on this machine.
    """

    def __init__(self, folder: Path, user: int) -> None:
        """Write .env as scripts/make_env_file.sh does, for a user's id."""
        self.folder = folder
        self.ports = {"prefect": find_free_port(), "mlflow": find_free_port()}
        lines = [f"{name.upper()}_PORT={port}" for name, port in self.ports.items()]
        lines += [f"USER_ID={user}", f"GROUP_ID={user}"]
        (folder / ".env").write_text("\n".join(lines) + "\n")
        call("scripts/make_env_file.sh", folder=folder)
        pairs = (line.partition("=") for line in (folder / ".env").read_text().splitlines())
        self.variables = {name: value for name, _, value in pairs}
        self._compose = [*find_compose(), "--project-name", f"gan-comparison-test-{os.getpid()}"]

    def compose(self, *words: str, may_fail: bool = False) -> str:
        """Run a command of Compose, and return its output."""
        return call(*self._compose, *words, folder=self.folder, may_fail=may_fail)

    def find(self, service: str) -> str:
        """Return the id of a service's container, which may have ended."""
        return self.compose("ps", "--all", "--quiet", service).split()[-1]

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the engine's description of the state of a service's container."""
        (found,) = json.loads(call("docker", "inspect", self.find(service)))
        state: dict[str, Any] = found["State"]
        return state

    def wait_until_healthy(self, *services: str) -> None:
        """Wait until the engine calls services healthy."""
        for service in services:
            wait_until(
                lambda service=service: self.inspect(service)["Health"]["Status"] == "healthy",  # type: ignore[misc]
                f"{service} to become healthy",
                HEALTHY_SECONDS,
            )

    def run_deployment(self, *options: str) -> None:
        """Start a run of the flow by the command in the first lines of compose.yaml."""
        self.compose("exec", "-T", "worker", "prefect", "deployment", "run", "compare/nightly", *options)

    def remove(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--timeout", "5", may_fail=True)
