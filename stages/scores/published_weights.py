"""The published Inception weights: their address and checksum, and their conversion to an extractor's folder."""

import hashlib
import io
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save

from stages.common.artifacts import write_bytes
from stages.common.errors import InputError
from stages.scores.card import INCEPTION_CLASSES, INCEPTION_FEATURES, WEIGHTS, Card

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
# The checksum of the file that torch-fidelity and pytorch-fid publish; the file's name has its first eight digits.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def describe_inception(precision: Literal["float32", "bfloat16"], sha256: str, file_sha256: str) -> Card:
    """Make the card of the network with the published weights.

    Args:
        precision: the precision of the convolutions.
        sha256: the SHA-256 of the published file.
        file_sha256: the SHA-256 of the file that `write_weights` made from it.
    """
    return Card(
        name="inception",
        title="InceptionV3 with the FID weights ported from TensorFlow (torch-fidelity's file)",
        feature_dimension=INCEPTION_FEATURES,
        class_count=INCEPTION_CLASSES,
        image_shape=None,
        width=None,
        precision=precision,
        weights_sha256=sha256,
        file_sha256=file_sha256,
        test_accuracy=None,
        train_count=None,
        test_count=None,
        resize="tensorflow1_bilinear_299",
    )


def write_weights(source: Path, sha256: str, named_by: str, folder: Path) -> str:
    """Write an extractor folder's weights.safetensors from a published .pth file, and return its sha256.

    Args:
        source: the file.
        sha256: the expected checksum, which is compared before the file is unpickled.
        named_by: the param or option that names the file, for the error.
        folder: the extractor's folder.

    Raises:
        InputError: the file is missing or has another checksum.
    """
    if not source.is_file():
        raise InputError(f"{named_by} = {str(source)!r} does not exist")
    # The file is read once, so that the bytes that are hashed are the bytes that are unpickled.
    content = source.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"{source} has the sha256 {found}, expected {sha256}: it is damaged or another file; download {URL}"
        )
    weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    written = save({name: value.contiguous() for name, value in weights.items()})
    write_bytes(folder / WEIGHTS.name, written)
    return hashlib.sha256(written).hexdigest()
