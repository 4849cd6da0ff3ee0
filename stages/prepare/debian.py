"""Fetch Fashion-MNIST from its Debian package by apt-get and dpkg-deb, without installing it and without root."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from stages.common.errors import InputError

PACKAGE = "dataset-fashion-mnist"
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
APT_OPTIONS = ["-q", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1"]
LONGEST_SECONDS = 600


def fetch_package(folder: Path) -> str:
    """Download the package with the system's settings of apt and unpack its data files.

    Args:
        folder: where the four gzipped IDX files are written.

    Returns:
        The package's name and version.

    Raises:
        InputError: this system is not Debian or Ubuntu, or the package cannot be downloaded.
    """
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} not found: this system is not Debian or Ubuntu")
    with tempfile.TemporaryDirectory(prefix="debian-package-") as name:
        scratch = Path(name)
        archive = _download_package(scratch)
        _run(["dpkg-deb", "-x", str(archive), "unpacked"], scratch)
        unpacked = scratch / "unpacked" / SYSTEM_FOLDER.relative_to("/")
        for file in sorted(unpacked.glob("*-ubyte.gz")):
            shutil.copyfile(file, folder / file.name)
    return archive.name.removesuffix(".deb")


def _download_package(scratch: Path) -> Path:
    download = ["apt-get", *APT_OPTIONS, "download", PACKAGE]
    try:
        _run(download, scratch)
    except ValueError:
        # Container images have no package lists; we fetch them into a temporary folder.
        private = _private_lists(scratch)
        _run(["apt-get", *APT_OPTIONS, *private, "update"], scratch)
        _run([*download[:1], *private, *download[1:]], scratch)
    archives = list(scratch.glob(f"{PACKAGE}_*.deb"))
    if len(archives) != 1:
        raise InputError(f"apt-get download {PACKAGE} left {len(archives)} packages, expected one")
    return archives[0]


def _private_lists(scratch: Path) -> list[str]:
    lists, cache = scratch / "lists", scratch / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    return [
        *("-o", f"Dir::State::lists={lists}"),
        *("-o", f"Dir::Cache={cache}"),
        *("-o", "Acquire::Languages=none"),
    ]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"`{command[0]}` did not end within {LONGEST_SECONDS} s") from None
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise InputError(f"`{' '.join(command)}` failed: {' '.join(errors) or done.stderr.strip()}")
