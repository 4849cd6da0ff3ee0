"""Make the extractor `inception`: the FID weights, downloaded once and checked -> extractor/."""

from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import save

from stages.common.artifacts import atomic_path, hash_file, write_bytes
from stages.common.sockets import bounded_silence
from stages.extractor.params import INCEPTION_CLASSES, INCEPTION_FEATURES, InceptionParams
from stages.scores.card import WEIGHTS, Card

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
CACHE = Path(".cache/weights")
# Of the file that torch-fidelity and pytorch-fid publish; its first eight digits are in its name.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
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
    write_weights(source, SHA256)
    return Card(
        name="inception",
        title="InceptionV3 with the FID weights ported from TensorFlow (torch-fidelity's file)",
        feature_dimension=INCEPTION_FEATURES,
        class_count=INCEPTION_CLASSES,
        image_shape=None,
        width=None,
        precision=params.precision,
        weights_sha256=SHA256,
        test_accuracy=None,
        train_count=None,
        test_count=None,
    )


def write_weights(source: Path, sha256: str) -> None:
    """Write extractor/weights.safetensors from a published .pth file.

    Args:
        source: the file.
        sha256: its checksum, compared before anything in it is read.

    Raises:
        ValueError: the file is missing or is another one.
    """
    if not source.is_file():
        raise ValueError(f"extractor.inception.weights_path = {str(source)!r} is no file")
    found = hash_file(source)
    if found != sha256:
        raise ValueError(
            f"{source} has the sha256 {found}, expected {sha256}: it is damaged or another file; get {URL}"
        )
    weights = torch.load(source, map_location="cpu", weights_only=True)
    write_bytes(WEIGHTS, save({name: value.contiguous() for name, value in weights.items()}))


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
        with atomic_path(path) as temporary, bounded_silence(PATIENCE_SECONDS):
            torch.hub.download_url_to_file(URL, str(temporary), progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise ValueError(f"{URL} cannot be downloaded ({error}); {CURE}") from None
    return hash_file(path)
