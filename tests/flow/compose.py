"""Run the services of compose.yaml without Docker: with their commands and environments, at local addresses."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.driving import ROOT, make_environment

LOG = Path("compose.log")
# The variables that scripts/make_env_file.sh writes.
VARIABLES = {"POSTGRES_PASSWORD": "password", "SERVER_LOGIN": "admin:password"}


class Services:
    """Starts services as compose.yaml defines them, with this machine's addresses and folders for those of containers.

    Attributes:
        places: the local address or folder for each one in compose.yaml, such as `mlflow:5000` or `/artifacts`.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = dict(places)
        self._services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service in the current folder."""
        service = self._services[name]
        with LOG.open("ab") as log:
            return subprocess.Popen(
                [self._place(word) for word in service["command"]],
                env=make_environment(**self.read_environment(name)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        """Run the service's health check from compose.yaml."""
        kind, *command = self._services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [self._place(word) for word in command]
        return subprocess.run(words, env=make_environment(), check=False).returncode == 0

    def read_environment(self, name: str) -> dict[str, str]:
        """Read the environment variables of a service."""
        return {key: self._place(value) for key, value in self._services[name]["environment"].items()}

    def _place(self, text: str) -> str:
        text = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: VARIABLES.get(found[1], found[2]), text)
        for before, after in self.places.items():
            text = text.replace(before, after)
        return text
