from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stages.common.artifacts import class_names_file, images_file, labels_file, write_array, write_json
from stages.extractor.classifier import make_classifier
from stages.extractor.params import ClassifierParams
from stages.extractor.train_classifier import LabelledImages, measure_accuracy, train_classifier
from stages.scores.card import WEIGHTS

CPU = torch.device("cpu")
PARAMS = ClassifierParams(
    seed=0,
    epochs=6,
    batch_size=16,
    learning_rate=0.01,
    width=4,
    feature_dimension=8,
    mirror=False,
    minimum_test_accuracy=0.95,
)


def make_split(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Make two classes that are easy to separate: bright in the upper or in the lower half."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.integers(0, 100, (count, 1, 8, 8), dtype=np.uint8)
    images[labels == 0, :, :4] += 120
    images[labels == 1, :, 4:] += 120
    return images, labels


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, split in enumerate(("train", "test")):
        images, labels = make_split(128, seed)
        write_array(images_file(split), images)
        write_array(labels_file(split), labels)
    write_json(class_names_file(), ["above", "below"])
    return tmp_path


@pytest.mark.usefixtures("prepared")
def test_it_learns_separable_classes_and_its_card_has_the_accuracy() -> None:
    card = make_classifier(PARAMS, CPU)
    assert card.test_accuracy is not None and card.test_accuracy >= 0.95
    assert (card.image_shape, card.class_count, card.feature_dimension) == ([1, 8, 8], 2, 8)
    assert (card.train_count, card.test_count) == (128, 128)


@pytest.mark.usefixtures("prepared")
def test_weights_are_the_same_for_the_same_seed() -> None:
    hashes = [make_classifier(PARAMS, CPU).weights_sha256 for _ in range(2)]
    assert hashes[0] == hashes[1]
    assert make_classifier(PARAMS.model_copy(update={"seed": 1}), CPU).weights_sha256 != hashes[0]


@pytest.mark.usefixtures("prepared")
def test_an_accuracy_below_the_minimum_is_refused_and_nothing_is_written() -> None:
    _, labels = make_split(128, 0)
    write_array(labels_file("test"), 1 - labels)
    with pytest.raises(ValueError, match="less than extractor.classifier.minimum_test_accuracy = 95.00%"):
        make_classifier(PARAMS, CPU)
    assert not WEIGHTS.exists()


@pytest.mark.usefixtures("prepared")
def test_labels_of_another_number_of_classes_are_refused() -> None:
    write_array(labels_file("train"), np.full(128, 2, dtype=np.int64))
    with pytest.raises(ValueError, match="train_labels.npy does not label the 128 images with 2 classes"):
        make_classifier(PARAMS, CPU)


def test_accuracy_counts_every_image() -> None:
    images, labels = (torch.from_numpy(part) for part in make_split(700, 0))
    classifier = train_classifier(LabelledImages(images, labels), 2, PARAMS)
    accuracy = measure_accuracy(classifier, LabelledImages(images, labels))
    assert measure_accuracy(classifier, LabelledImages(images, 1 - labels)) == pytest.approx(1 - accuracy)


def test_a_batch_larger_than_the_split_is_refused() -> None:
    images, labels = (torch.from_numpy(part) for part in make_split(8, 0))
    with pytest.raises(ValueError, match="batch_size = 16, but the train split has only 8 images"):
        train_classifier(LabelledImages(images, labels), 2, PARAMS)
