"""Make the extractor `inception`: the FID weights, downloaded once and checked -> extractor/."""

from http.client import HTTPException
from pathlib import Path

import torch

from stages.common.artifacts import EXTRACTOR, atomic_path, hash_file
from stages.common.sockets import socket_timeout
from stages.extractor.params import InceptionParams
from stages.scores.card import Card
from stages.scores.published_weights import SHA256, URL, describe_inception, write_weights

CACHE = Path(".cache/weights")
PATIENCE_SECONDS = 20.0
CURE = "get it on another machine and set extractor.inception.weights_path to it, or set extractor.name to classifier"
# A file that arrived damaged may have been a proxy's fault for once.
ATTEMPTS = 2


def make_inception(params: InceptionParams) -> Card:
    """Check the weights and write them as safetensors.

    Raises:
        ValueError: the weights cannot be had, or are not the published ones.
    """
    source = params.local_path() or _download()
    write_weights(source, SHA256, "extractor.inception.weights_path", EXTRACTOR)
    return describe_inception(params.precision, SHA256)


def _download() -> Path:
    """Return the cached file, downloaded if there is none or another than the published one.

    Raises:
        ValueError: it cannot be had, or twice another file came; neither leaves anything behind.
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
        print(f"inception: attempt {attempt} of {ATTEMPTS} brought another file, sha256 {found}", flush=True)
    raise ValueError(
        f"{URL} gave a file with the sha256 {found}, expected {SHA256}, {ATTEMPTS} times over: something on the way "
        f"answers in its place; {CURE}"
    )


def _fetch(path: Path) -> str:
    """Download the weights to `path`, whole or not at all, and return the sha256 of what came."""
    print(f"inception: downloading {URL} (96 MB, once)", flush=True)
    try:
        with atomic_path(path) as temporary, socket_timeout(PATIENCE_SECONDS):
            torch.hub.download_url_to_file(URL, str(temporary), progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise ValueError(f"{URL} cannot be downloaded ({error}); {CURE}") from None
    return hash_file(path)
