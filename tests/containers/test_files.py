"""Which files go into the image, and which ports compose.yaml opens; no container engine is needed."""

import fnmatch
import re
from typing import Any

import pytest
import yaml

from tests.driving import ROOT, call

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def is_in_image(path: str) -> bool:
    """Apply .dockerignore as Docker does: of the patterns that match a path or a folder above it, the last counts."""
    is_in = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        found = [
            name for name in above if name.count("/") == pattern.count("/") and fnmatch.fnmatch(name, pattern)
        ]
        if pattern.startswith("**/"):
            found = fnmatch.filter(parts, pattern.removeprefix("**/"))
        if found:
            is_in = line.startswith("!")
    return is_in


def test_the_image_holds_every_file_that_git_knows() -> None:
    """A missing file would mark the commit of every run as changed."""
    listed = call("git", "ls-files", "-z", folder=ROOT).split("\0")
    assert [name for name in listed if name and not is_in_image(name)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.local",
        "stages/.env",
        ".dvc/config.local",
        ".dvc/cache/files/md5/ab/cd",
        ".dvc/tmp/rwlock",
        ".git/config",
        ".git/hooks/pre-commit",
        "data/train/images.npy",
        "models/sngan-A-0/last.safetensors",
        "tracking/mlflow.db",
        ".prefect/auth.txt",
        "notes.txt",
        "kaggle.json",
        "stages/train/__pycache__/loop.cpython-312.pyc",
    ],
)
def test_the_image_holds_nothing_else(path: str) -> None:
    assert not is_in_image(path)


def test_git_in_the_image_names_the_commit() -> None:
    assert all(is_in_image(f".git/{name}") for name in ("HEAD", "index", "objects/ab/cd", "refs/heads/main"))


def test_one_service_builds_the_image() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["prefect"]


def test_ports_are_open_on_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert not re.search(r"\$\{(POSTGRES_PASSWORD|SERVER_LOGIN):-", text)
    assert all(f"${{{name}:?" in text for name in ("POSTGRES_PASSWORD", "SERVER_LOGIN"))
