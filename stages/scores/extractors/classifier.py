"""The extractor `classifier`: a small network that is trained here on the prepared data set's own labels."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from stages.common.artifacts import (
    EXTRACTOR,
    images_file,
    read_class_names,
    read_images,
    read_labels,
)
from stages.common.errors import InputError
from stages.common.labels import check_learnable
from stages.common.pixels import pixels_to_tensor
from stages.scores.card import Card
from stages.scores.chance import check_beats_chance
from stages.scores.classifier import Classifier, Network
from stages.scores.classifier_params import ClassifierParams as Options
from stages.scores.train_classifier import (
    LabelledImages,
    measure_accuracy,
    to_device,
    train_classifier,
)
from stages.scores.weights_files import write_weights

__all__ = ["Options", "load", "make"]


def make(params: Options, device: torch.device, folder: Path = EXTRACTOR) -> Card:
    """Train the classifier, measure its accuracy on the test split, and write its weights.

    Args:
        params: the architecture and the training.
        device: the device that trains the classifier.
        folder: the extractor's folder.

    Raises:
        InputError: the prepared data is missing or damaged, a classifier cannot learn from it, or the accuracy is below
            the minimum or not clearly above chance.
    """
    class_names = read_class_names()
    train, test = (_read_split(split, len(class_names), device) for split in ("train", "test"))
    test_labels = test.labels.cpu().numpy()
    check_learnable(train.labels.cpu().numpy(), test_labels, class_names)
    classifier = train_classifier(train, len(class_names), params)
    accuracy = measure_accuracy(classifier, test)
    print(f"classifier: accuracy {accuracy:.2%} on {len(test.images)} test images", flush=True)
    check_beats_chance(round(accuracy * len(test.images)), test_labels)
    if accuracy < params.minimum_test_accuracy:
        raise InputError(
            f"the classifier's test accuracy is {accuracy:.2%}, less than "
            f"extractor.classifier.minimum_test_accuracy = {params.minimum_test_accuracy:.2%}, so its scores "
            "would mean little; train longer (epochs), widen it (width), or lower the minimum"
        )
    state = {name: value.detach().cpu() for name, value in classifier.state_dict().items()}
    sha256 = write_weights(state, folder)
    return Card(
        name="classifier",
        title=f"a small CNN trained on the {len(class_names)} labels of the prepared train split",
        feature_dimension=params.feature_dimension,
        class_count=len(class_names),
        image_shape=list(train.images.shape[1:]),
        width=params.width,
        precision="float32",
        weights_sha256=sha256,
        file_sha256=sha256,
        test_accuracy=accuracy,
        train_count=len(train.images),
        test_count=len(test.images),
        resize="none",
    )


def load(card: Card, state: Mapping[str, Tensor], device: torch.device) -> Network:
    """Build the classifier that a card describes, with its weights.

    Raises:
        RuntimeError: the weights are those of another network.
    """
    assert card.image_shape is not None and card.width is not None and card.class_count is not None
    channels, height, width = card.image_shape
    network = Classifier((channels, height, width), card.width, card.feature_dimension, card.class_count)
    network.load_state_dict(state)
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    return lambda pixels: network(pixels_to_tensor(pixels).contiguous(memory_format=torch.channels_last))


def _read_split(split: str, class_count: int, device: torch.device) -> LabelledImages:
    images = read_images(images_file(split), made_by="prepare")
    labels = read_labels(split, len(images), class_count)
    return to_device(images, labels, device)
