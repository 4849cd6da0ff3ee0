"""Download published weights once, verify their checksum, and read them without running code."""

import hashlib
import io
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple
from zipfile import ZipFile, is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from stages.common.artifacts import atomic_path, hash_file, write_bytes
from stages.common.errors import InputError
from stages.common.file_tree import expand_user
from stages.common.sockets import explain_proxies, socket_timeout
from stages.scores.card import WEIGHTS
from stages.scores.extractor_zoo import PublishedOptions

CACHE = Path(".cache/weights")
TIMEOUT_SECONDS = 20.0
# A proxy may return a web page instead of the file, sometimes only at the first attempt.
ATTEMPTS = 2


class PublishedFile(NamedTuple):
    """A published file of weights.

    Attributes:
        extractor: the name of the extractor.
        url: the address of the file.
        sha256: the checksum of the file; None if this project knows none from a trustworthy source.
        size: the size of the file in words, such as `96 MB`.
    """

    extractor: str
    url: str
    sha256: str | None
    size: str

    @property
    def remedy(self) -> str:
        """The user's remedy if the file cannot be downloaded."""
        return (
            f"download it on another machine and set extractor.{self.extractor}.weights_path, or set extractor.name to "
            "classifier"
        )


class Weights(NamedTuple):
    """The content of a file of weights.

    Attributes:
        state: float32 tensors by name.
        sha256: the SHA-256 of the file.
    """

    state: dict[str, Tensor]
    sha256: str


def read_published_weights(options: PublishedOptions, file: PublishedFile) -> Weights:
    """Read an extractor's weights from the user's file, or download the published one.

    Raises:
        InputError: the file does not exist, cannot be downloaded, has another checksum, or holds no weights.
    """
    expected = options.sha256
    if options.weights_path is None:
        expected = expected or file.sha256
        if expected is None:
            raise InputError(
                f"extractor.{file.extractor}.weights_path is null, but no checksum of {file.url} is known here, and "
                "without one nothing is downloaded; set extractor."
                f"{file.extractor}.sha256, or download the file yourself and set weights_path"
            )
        path = download_weights(file._replace(sha256=expected))
    else:
        path = expand_user(options.weights_path)
    return read_weights(path, expected, f"extractor.{file.extractor}.weights_path", file)


def read_weights(path: Path, sha256: str | None, named_by: str, file: PublishedFile) -> Weights:
    """Read a file of weights after comparing its checksum.

    Args:
        path: a safetensors file, or a file that torch reads with `weights_only`. A TorchScript archive holds code, so
            it is read only if its checksum is given or known here.
        sha256: the expected checksum, or None.
        named_by: the param or option that names the file, for the error.
        file: the published file, for the error.

    Raises:
        InputError: the file is missing, has another checksum, or holds no weights.
    """
    if not path.is_file():
        raise InputError(f"{named_by} = {str(path)!r} does not exist")
    # The file is read once, so that the bytes that are hashed are the bytes that are parsed.
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise InputError(
            f"{path} has the sha256 {found}, expected {sha256}: it is damaged or another file; download {file.url}"
        )
    try:
        state = _parse(content, is_known=found in (sha256, file.sha256))
    except (SafetensorError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path} holds no weights that can be read safely ({reason}); download {file.url}"
        ) from None
    return Weights(state, found)


def write_weights(state: Mapping[str, Tensor], folder: Path) -> str:
    """Write an extractor folder's weights.safetensors, and return its sha256."""
    content = save({name: value.contiguous() for name, value in state.items()})
    write_bytes(folder / WEIGHTS.name, content)
    return hashlib.sha256(content).hexdigest()


def download_weights(file: PublishedFile) -> Path:
    """Return the path of a published file in the cache; download it if the cache lacks it or has a damaged copy.

    Raises:
        InputError: the download failed, or every attempt returned another file; nothing is left in the cache.
    """
    path = CACHE / Path(file.url).name
    if path.exists() and hash_file(path) == file.sha256:
        return path
    path.unlink(missing_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        found = _fetch(file, path)
        if found == file.sha256:
            return path
        path.unlink()
        print(
            f"{file.extractor}: attempt {attempt} of {ATTEMPTS} returned another file, sha256 {found}",
            flush=True,
        )
    raise InputError(
        f"{file.url} returned a file with the sha256 {found}, expected {file.sha256}, in {ATTEMPTS} attempts: "
        f"something between this machine and the server, such as a proxy, replaces it; {file.remedy}"
    )


def _fetch(file: PublishedFile, path: Path) -> str:
    """Download a file to `path`, atomically, and return its sha256."""
    print(f"{file.extractor}: downloading {file.url} ({file.size}, once)", flush=True)
    try:
        with atomic_path(path) as temporary, socket_timeout(TIMEOUT_SECONDS):
            torch.hub.download_url_to_file(file.url, str(temporary), progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise InputError(
            f"{file.url} cannot be downloaded ({error}); {file.remedy}{explain_proxies()}"
        ) from None
    return hash_file(path)


def _parse(content: bytes, is_known: bool) -> dict[str, Tensor]:
    if _is_torchscript(content):
        if not is_known:
            raise InputError(
                "a TorchScript archive, which holds code, and its checksum is not the recorded one: give its sha256"
            )
        loaded: Any = torch.jit.load(io.BytesIO(content), map_location="cpu").state_dict()
    elif content[8:9] == b"{":
        loaded = load(content)
    else:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError("it does not hold named tensors alone")
    return {str(name): value.detach().float() for name, value in loaded.items()}


def _is_torchscript(content: bytes) -> bool:
    """Return whether these are the bytes of a TorchScript archive: a zip that holds constants.pkl."""
    stream = io.BytesIO(content)
    if not is_zipfile(stream):
        return False
    with ZipFile(stream) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())
