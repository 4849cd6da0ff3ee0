"""Make the extractor `classifier`: data/prepared -> extractor/."""

import torch
from safetensors.torch import save

from stages.common.artifacts import (
    hash_file,
    images_file,
    read_class_names,
    read_images,
    read_labels,
    write_bytes,
)
from stages.common.errors import InputError
from stages.common.labels import check_learnable
from stages.extractor.chance import check_beats_chance
from stages.extractor.params import ClassifierParams
from stages.extractor.train_classifier import (
    LabelledImages,
    measure_accuracy,
    to_device,
    train_classifier,
)
from stages.scores.card import WEIGHTS, Card
from stages.scores.classifier import Classifier


def make_classifier(params: ClassifierParams, device: torch.device) -> Card:
    """Train the classifier, measure its accuracy on the test split, and write its weights.

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
    _write_weights(classifier)
    sha256 = hash_file(WEIGHTS)
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
    )


def _read_split(split: str, class_count: int, device: torch.device) -> LabelledImages:
    images = read_images(images_file(split), made_by="prepare")
    labels = read_labels(split, len(images), class_count)
    return to_device(images, labels, device)


def _write_weights(classifier: Classifier) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in classifier.state_dict().items()}
    write_bytes(WEIGHTS, save(weights))
