"""Make the extractor `inception`: the FID weights, downloaded once and checked -> extractor/."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

from stages.common.artifacts import atomic_path, hash_file, write_bytes
from stages.common.sockets import bounded_silence
from stages.extractor.params import INCEPTION_CLASSES, INCEPTION_FEATURES, InceptionParams
from stages.scores.card import WEIGHTS, Card

CACHE = Path(".cache/weights")
# Of the file that torch-fidelity and pytorch-fid publish; its first eight digits are in its name.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PATIENCE_SECONDS = 20.0


def make_inception(params: InceptionParams) -> Card:
    """Check the weights and write them as safetensors.

    Raises:
        ValueError: the weights cannot be had, or are not the published ones.
    """
    source = params.local_path() or _download()
    write_weights(source)
    return Card(
        name="inception",
        title="InceptionV3 with the FID weights ported from TensorFlow (torch-fidelity)",
        feature_dimension=INCEPTION_FEATURES,
        class_count=INCEPTION_CLASSES,
        image_shape=None,
        width=None,
        weights_sha256=SHA256,
        test_accuracy=None,
        train_count=None,
        test_count=None,
    )


def write_weights(source: Path, sha256: str = SHA256) -> None:
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
            f"{source} has the sha256 {found}, expected {sha256}: it is damaged or another file; "
            f"get {URL_INCEPTION_V3}"
        )
    weights = torch.load(source, map_location="cpu", weights_only=True)
    write_bytes(WEIGHTS, save({name: value.contiguous() for name, value in weights.items()}))


def _download() -> Path:
    path = CACHE / Path(URL_INCEPTION_V3).name
    if path.exists() and hash_file(path) == SHA256:
        return path
    print(f"inception: downloading {URL_INCEPTION_V3} (96 MB, once)", flush=True)
    try:
        with atomic_path(path) as temporary, bounded_silence(PATIENCE_SECONDS):
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(temporary), SHA256, progress=False)
    except (OSError, RuntimeError) as error:
        shutil.rmtree(CACHE, ignore_errors=True)
        raise ValueError(
            f"{URL_INCEPTION_V3} cannot be downloaded ({error}); get it on another machine and set "
            "extractor.inception.weights_path to it, or set extractor.name to classifier"
        ) from None
    return path
