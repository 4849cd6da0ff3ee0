"""Download a data set's published files with torchvision, and do not hang where no mirror can be reached."""

import errno
import http.client
import importlib
import urllib.request
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import ModuleType
from typing import NamedTuple

from stages.common.sockets import socket_timeout
from stages.prepare import cifar
from stages.prepare.progress import tell

# A mirror that is silent for so long is given up.
PATIENCE_SECONDS = 6.0
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Published(NamedTuple):
    """Where a data set's files are published.

    Attributes:
        mirrors: addresses of folders, tried in order.
        checksums: MD5 by file name.
    """

    mirrors: list[str]
    checksums: dict[str, str]


def find_published(name: str) -> Published:
    """Look up mirrors and checksums, which torchvision keeps; for CIFAR-10 those of the binary version."""
    if name == "cifar10":
        return Published([cifar.ARCHIVE_URL.removesuffix(cifar.ARCHIVE)], {cifar.ARCHIVE: cifar.ARCHIVE_MD5})
    datasets = _import_datasets()
    known = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
    return Published(list(known.mirrors), dict(known.resources))


def download(name: str, folder: Path) -> str:
    """Download a data set's files, each checked by its MD5.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        folder: gets the files.

    Returns:
        The mirror's address.

    Raises:
        ValueError: no mirror answers, or what it sends is cut short or damaged.
        OSError: the disk is full.
    """
    published = find_published(name)
    mirror = _choose_mirror(published)
    download_url = _import_datasets().utils.download_url
    try:
        with socket_timeout(PATIENCE_SECONDS):
            for file, checksum in published.checksums.items():
                tell(f"downloading {mirror}{file}")
                download_url(mirror + file, str(folder), file, checksum)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        raise ValueError(f"{mirror} was reached, but the download failed: {error}") from None
    return mirror


def _import_datasets() -> ModuleType:
    """Import torchvision's data sets: two seconds, which only a download has to spend."""
    try:
        return importlib.import_module("torchvision.datasets")
    except (ImportError, RuntimeError) as error:
        # A torchvision that was built for another torch raises RuntimeError.
        raise ValueError(
            f"torchvision cannot be imported ({error}); install the versions in constraints.txt"
        ) from None


def _choose_mirror(published: Published) -> str:
    reasons = []
    for mirror in published.mirrors:
        reason = _probe(mirror + next(iter(published.checksums)))
        if reason is None:
            return mirror
        reasons.append(f"{mirror} {reason}")
    raise ValueError("; ".join(reasons))


def _probe(url: str) -> str | None:
    """Ask whether a file is there; return why not, or None when it is.

    In a thread of its own, because the look-up of a name knows no timeout and can take a minute.
    """
    answers: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: answers.put(_ask(url)), daemon=True).start()
    try:
        return answers.get(timeout=PATIENCE_SECONDS)
    except Empty:
        return f"gave no answer within {PATIENCE_SECONDS:g} s"


def _ask(url: str) -> str | None:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the address is one of ours or torchvision's
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):  # noqa: S310 - as above
            return None
    except (OSError, http.client.HTTPException) as error:
        return f"cannot be reached ({error})"
