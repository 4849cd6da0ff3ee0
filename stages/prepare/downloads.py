"""Download a data set's published files with torchvision, with a timeout for servers that do not answer."""

import errno
import http.client
import importlib
import urllib.request
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import ModuleType
from typing import NamedTuple

from stages.common.errors import InputError
from stages.common.sockets import explain_proxies, socket_timeout
from stages.prepare import cifar
from stages.prepare.log import log

# A mirror that does not answer for this long counts as unreachable.
TIMEOUT_SECONDS = 6.0
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Published(NamedTuple):
    """The addresses and checksums of a data set's published files.

    Attributes:
        mirrors: addresses of folders with the files, in the order in which they are tried.
        checksums: MD5 of each file, by its name.
    """

    mirrors: list[str]
    checksums: dict[str, str]


def find_published(name: str) -> Published:
    """Look up the mirrors and checksums that torchvision lists; for CIFAR-10 return those of its binary version."""
    if name == "cifar10":
        return Published([cifar.ARCHIVE_URL.removesuffix(cifar.ARCHIVE)], {cifar.ARCHIVE: cifar.ARCHIVE_MD5})
    datasets = _import_datasets()
    known = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
    return Published(list(known.mirrors), dict(known.resources))


def download(name: str, folder: Path) -> str:
    """Download a data set's files and check each by its MD5.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        folder: where the files are written.

    Returns:
        The mirror's address.

    Raises:
        InputError: no mirror answers, or a file is cut short or damaged.
        OSError: the disk is full.
    """
    published = find_published(name)
    mirror = _choose_mirror(published)
    download_url = _import_datasets().utils.download_url
    try:
        with socket_timeout(TIMEOUT_SECONDS):
            for file, checksum in published.checksums.items():
                log(f"downloading {mirror}{file}")
                download_url(mirror + file, str(folder), file, checksum)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        raise InputError(f"{mirror} was reached, but the download failed: {error}") from None
    return mirror


def _import_datasets() -> ModuleType:
    """Import torchvision's data sets, which takes two seconds and only a download needs."""
    try:
        return importlib.import_module("torchvision.datasets")
    except (ImportError, RuntimeError) as error:
        # A torchvision that was built for another version of torch raises RuntimeError.
        raise InputError(
            f"torchvision cannot be imported ({error}); install the versions in constraints.txt"
        ) from None


def _choose_mirror(published: Published) -> str:
    reasons = []
    for mirror in published.mirrors:
        error = _find_error(mirror + next(iter(published.checksums)))
        if error is None:
            return mirror
        reasons.append(f"{mirror} {error}")
    raise InputError("; ".join(reasons) + explain_proxies())


def _find_error(url: str) -> str | None:
    """Return the reason why a file cannot be downloaded, or None when its server has it.

    The request runs in its own thread, because the look-up of a host name has no timeout and can take a minute.
    """
    answers: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: answers.put(_request_head(url)), daemon=True).start()
    try:
        return answers.get(timeout=TIMEOUT_SECONDS)
    except Empty:
        return f"gave no answer within {TIMEOUT_SECONDS:g} s"


def _request_head(url: str) -> str | None:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the address is one of ours or of torchvision's
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - as above
            return None
    except (OSError, http.client.HTTPException) as error:
        return f"cannot be reached ({error})"
