"""Functions that make a small extractor and small images for tests."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from stages.common.artifacts import EXTRACTOR, hash_file
from stages.scores.card import WEIGHTS, Card, write_card
from stages.scores.classifier import Classifier

SHAPE = (1, 8, 8)


def make_extractor(
    folder: Path = EXTRACTOR,
    scale: float = 1.0,
    width: int = 2,
    feature_dimension: int = 6,
) -> None:
    """Write an untrained classifier to a folder; its features are multiplied by `scale`."""
    torch.manual_seed(0)
    network = Classifier(SHAPE, width, feature_dimension, class_count=3)
    state = network.state_dict()
    state["to_features.0.weight"] *= scale
    folder.mkdir(exist_ok=True)
    save_file(state, folder / WEIGHTS.name)
    sha256 = hash_file(folder / WEIGHTS.name)
    card = Card(
        name="classifier",
        title="a test extractor",
        feature_dimension=feature_dimension,
        class_count=3,
        image_shape=list(SHAPE),
        width=width,
        precision="float32",
        weights_sha256=sha256,
        file_sha256=sha256,
        test_accuracy=0.5,
        train_count=10,
        test_count=10,
    )
    write_card(card, folder)


def make_images(count: int, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_folder(folder: Path, images: NDArray[np.uint8]) -> None:
    folder.mkdir()
    for index, image in enumerate(images):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")
