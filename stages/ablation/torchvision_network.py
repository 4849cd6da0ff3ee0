"""torchvision's Inception network, which the report used instead of the network that the scores are defined by."""

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from stages.common.errors import InputError
from stages.common.pixels import pixels_to_tensor
from stages.scores.card import INCEPTION_FEATURES, Card
from stages.scores.classifier import ExtractorOutput
from stages.scores.extractor import Extractor

URL = "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth"
# The first digits of the file's sha256; torchvision has them in the file's name and checks them.
SHA256_START = "0cc3c7bd"
SIDE = 299
CLASSES = 1000
IMAGES_AT_A_TIME = 50


def load_torchvision(path: Path, device: torch.device) -> Extractor:
    """Load the network as the report's Inception Score used it, with images in [-1, 1], resized bilinearly.

    Raises:
        InputError: the file is missing, or is not the one that torchvision publishes.
    """
    if not path.is_file():
        raise InputError(f"ablation.torchvision_weights_path = {str(path)!r} does not exist")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(SHA256_START):
        raise InputError(f"{path} has the sha256 {found}, expected {SHA256_START}...; download {URL}")
    # The import of torchvision takes a second, and few runs need it.
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, init_weights=False, transform_input=False, aux_logits=True)
    network.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    to_logits, network.fc = network.fc, nn.Identity()
    network, to_logits = network.to(device).eval(), to_logits.to(device)

    def extract(pixels: Tensor) -> ExtractorOutput:
        parts = [network(_resize(part)) for part in pixels.split(IMAGES_AT_A_TIME)]
        features = torch.cat(parts)
        return ExtractorOutput(features, to_logits(features))

    return Extractor(_describe(found), extract, device)


def _resize(pixels: Tensor) -> Tensor:
    images = pixels_to_tensor(pixels).expand(-1, 3, -1, -1)
    return interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False)


def _describe(sha256: str) -> Card:
    return Card(
        name="torchvision",
        title="InceptionV3 as torchvision trained it",
        feature_dimension=INCEPTION_FEATURES,
        class_count=CLASSES,
        image_shape=None,
        width=None,
        precision="float32",
        weights_sha256=sha256,
        file_sha256=sha256,
        test_accuracy=None,
        train_count=None,
        test_count=None,
    )
