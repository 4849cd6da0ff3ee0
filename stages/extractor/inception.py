"""Make the extractor `inception`: the published FID weights, downloaded once and checked -> extractor/."""

from http.client import HTTPException
from pathlib import Path

import torch

from stages.common.artifacts import EXTRACTOR, atomic_path, hash_file
from stages.common.errors import InputError
from stages.common.sockets import explain_proxies, socket_timeout
from stages.extractor.params import InceptionParams
from stages.scores.card import Card
from stages.scores.published_weights import SHA256, URL, describe_inception, write_weights

CACHE = Path(".cache/weights")
TIMEOUT_SECONDS = 20.0
REMEDY = "download it on another machine and set extractor.inception.weights_path, or set extractor.name to classifier"
# A proxy may return a page of its own instead of the file, sometimes only the first time.
ATTEMPTS = 2


def make_inception(params: InceptionParams) -> Card:
    """Check the weights and write them as safetensors.

    Raises:
        InputError: the weights cannot be downloaded, or are not the published ones.
    """
    source = params.local_path() or _download()
    file_sha256 = write_weights(source, SHA256, "extractor.inception.weights_path", EXTRACTOR)
    return describe_inception(params.precision, SHA256, file_sha256)


def _download() -> Path:
    """Return the path of the weights in the cache; download them if they are missing there or damaged.

    Raises:
        InputError: the download failed, or brought another file in every attempt; nothing is left in the cache.
    """
    path = CACHE / Path(URL).name
    if path.exists() and hash_file(path) == SHA256:
        return path
    path.unlink(missing_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        found = _fetch(path)
        if found == SHA256:
            return path
        path.unlink()
        print(f"inception: attempt {attempt} of {ATTEMPTS} returned another file, sha256 {found}", flush=True)
    raise InputError(
        f"{URL} returned a file with the sha256 {found}, expected {SHA256}, in {ATTEMPTS} attempts: something between "
        f"this machine and the server, such as a proxy, replaces it; {REMEDY}"
    )


def _fetch(path: Path) -> str:
    """Download the weights to `path`, atomically, and return the file's sha256."""
    print(f"inception: downloading {URL} (96 MB, once)", flush=True)
    try:
        with atomic_path(path) as temporary, socket_timeout(TIMEOUT_SECONDS):
            torch.hub.download_url_to_file(URL, str(temporary), progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise InputError(f"{URL} cannot be downloaded ({error}); {REMEDY}{explain_proxies()}") from None
    return hash_file(path)
