"""A small extractor and small images on disk, as a user has them."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from stages.scores.card import WEIGHTS, Card, write_card
from stages.scores.classifier import Classifier

SHAPE = (1, 8, 8)
FEATURES = 6
OPTIONS = ["--splits", "2", "--compared-count", "50", "--kid-subset-size", "20", "--kid-subsets", "5"]


def make_extractor(folder: Path = Path("extractor"), scale: float = 1.0, sha256: str = "0" * 64) -> None:
    """Write an untrained classifier's folder; its features are multiplied by `scale`."""
    torch.manual_seed(0)
    network = Classifier(SHAPE, width=2, feature_dimension=FEATURES, class_count=3)
    state = network.state_dict()
    state["to_features.0.weight"] *= scale
    folder.mkdir(exist_ok=True)
    save_file(state, folder / WEIGHTS.name)
    card = Card(
        name="classifier",
        title="a test's",
        feature_dimension=FEATURES,
        class_count=3,
        image_shape=list(SHAPE),
        width=2,
        precision="float32",
        weights_sha256=sha256,
        test_accuracy=0.5,
        train_count=10,
        test_count=10,
    )
    write_card(card, folder)


def draw_images(count: int, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_folder(folder: Path, images: NDArray[np.uint8]) -> None:
    folder.mkdir()
    for place, image in enumerate(images):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{place:04d}.png")
