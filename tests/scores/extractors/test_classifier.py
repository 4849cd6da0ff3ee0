from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stages.common.artifacts import class_names_file, images_file, labels_file, write_array, write_json
from stages.scores.card import WEIGHTS
from stages.scores.chance import check_beats_chance, compute_tail
from stages.scores.classifier_params import ClassifierParams
from stages.scores.extractors import classifier
from stages.scores.train_classifier import LabelledImages, measure_accuracy, train_classifier

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
    card = classifier.make(PARAMS, CPU)
    assert card.test_accuracy is not None and card.test_accuracy >= 0.95
    assert (card.image_shape, card.class_count, card.feature_dimension) == ([1, 8, 8], 2, 8)
    assert (card.train_count, card.test_count) == (128, 128)


@pytest.mark.usefixtures("prepared")
def test_weights_are_the_same_for_the_same_seed() -> None:
    hashes = [classifier.make(PARAMS, CPU).weights_sha256 for _ in range(2)]
    assert hashes[0] == hashes[1]
    assert classifier.make(PARAMS.model_copy(update={"seed": 1}), CPU).weights_sha256 != hashes[0]


@pytest.mark.usefixtures("prepared")
def test_an_accuracy_below_the_minimum_is_refused_and_nothing_is_written() -> None:
    _, labels = make_split(128, 0)
    # A quarter of the test images of each class have the other label.
    write_array(labels_file("test"), np.where(np.arange(128) % 8 < 2, 1 - labels, labels))
    with pytest.raises(ValueError, match="less than extractor.classifier.minimum_test_accuracy = 95.00%"):
        classifier.make(PARAMS, CPU)
    assert not WEIGHTS.exists()


@pytest.mark.usefixtures("prepared")
def test_labels_of_another_number_of_classes_are_refused() -> None:
    write_array(labels_file("train"), np.full(128, 2, dtype=np.int64))
    with pytest.raises(ValueError, match="train_labels.npy does not label the 128 images with 2 classes"):
        classifier.make(PARAMS, CPU)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (np.zeros(128), np.zeros(128), "the train split has no image of the classes below"),
        (np.ones(128), np.arange(128) % 2, "the train split has no image of the classes above"),
        (np.arange(128) % 2, np.ones(128), "all 128 test images are of one class, 'below'"),
    ],
)
def test_labels_that_teach_nothing_are_refused_before_the_training(
    train: NDArray[np.float64],
    test: NDArray[np.float64],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "train_classifier", lambda *_: pytest.fail("the classifier was trained"))
    for split, labels in (("train", train), ("test", test)):
        write_array(labels_file(split), labels.astype(np.int64))
    with pytest.raises(ValueError, match=message):
        classifier.make(PARAMS, CPU)


@pytest.mark.usefixtures("prepared")
def test_one_class_is_refused_before_the_training() -> None:
    write_json(class_names_file(), ["all"])
    for split in ("train", "test"):
        write_array(labels_file(split), np.zeros(128, dtype=np.int64))
    with pytest.raises(
        ValueError, match="all images are of one class, 'all'.* set extractor.name to inception"
    ):
        classifier.make(PARAMS, CPU)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("rare_count", [10, 64])
def test_an_accuracy_that_chance_gives_is_refused_whatever_the_minimum(rare_count: int) -> None:
    """The labels have nothing to do with the images, and are balanced or not."""
    for seed, split in enumerate(("train", "test")):
        labels = np.zeros(128, dtype=np.int64)
        labels[np.random.default_rng(seed).permutation(128)[:rare_count]] = 1
        write_array(labels_file(split), labels)
    with pytest.raises(ValueError, match="is not clearly above chance .probability .* set extractor.name"):
        classifier.make(PARAMS.model_copy(update={"minimum_test_accuracy": 0.0}), CPU)
    assert not WEIGHTS.exists()


@pytest.mark.usefixtures("prepared")
def test_images_that_are_all_the_same_are_refused() -> None:
    for split in ("train", "test"):
        write_array(images_file(split), np.full((128, 1, 8, 8), 7, dtype=np.uint8))
    with pytest.raises(ValueError, match="is not clearly above chance"):
        classifier.make(PARAMS.model_copy(update={"minimum_test_accuracy": 0.0}), CPU)


def test_the_tail_of_the_binomial_distribution_is_exact() -> None:
    # 8, 9 or 10 heads of 10 tosses: 45 + 10 + 1 of 1024.
    assert compute_tail(8, 10, 0.5) == pytest.approx(56 / 1024)
    assert compute_tail(10, 10, 0.5) == pytest.approx(1 / 1024)
    assert [compute_tail(0, 10, 0.5), compute_tail(10, 10, 1.0)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("correct_count", "counts", "is_refused"),
    [
        (9, [5, 5], True),
        (10, [5, 5], False),
        # 90 % is no more than always naming the commonest of these classes.
        (90, [90, 10], True),
        (99, [90, 10], False),
        (2, [1, 1], True),
        (26, [10] * 10, False),
    ],
)
def test_only_an_accuracy_clearly_above_the_commonest_class_passes(
    correct_count: int, counts: list[int], is_refused: bool
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    with pytest.raises(ValueError, match="not clearly above chance") if is_refused else nullcontext():
        check_beats_chance(correct_count, labels)


def test_accuracy_counts_every_image() -> None:
    images, labels = (torch.from_numpy(part) for part in make_split(700, 0))
    trained = train_classifier(LabelledImages(images, labels), 2, PARAMS)
    accuracy = measure_accuracy(trained, LabelledImages(images, labels))
    assert measure_accuracy(trained, LabelledImages(images, 1 - labels)) == pytest.approx(1 - accuracy)


def test_a_batch_larger_than_the_split_is_refused() -> None:
    images, labels = (torch.from_numpy(part) for part in make_split(8, 0))
    with pytest.raises(ValueError, match="batch_size = 16, but the train split has only 8 images"):
        train_classifier(LabelledImages(images, labels), 2, PARAMS)
