"""Train the embedded classifier on the prepared data set's labels."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from stages.common.compute import derive_seed
from stages.common.errors import InputError
from stages.common.pixels import pixels_to_tensor
from stages.scores.classifier import Classifier
from stages.scores.classifier_params import ClassifierParams

# The decoupled weight decay and the share of warm-up steps are common values and were not tuned.
WEIGHT_DECAY = 0.05
WARM_UP_SHARE = 0.2
TEST_BATCH_SIZE = 500


class LabelledImages(NamedTuple):
    """The images and labels of a split.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N], in 0..K-1.
    """

    images: Tensor
    labels: Tensor


def to_device(images: NDArray[np.uint8], labels: NDArray[np.int64], device: torch.device) -> LabelledImages:
    """Copy a split's images, uint8 [N, C, H, W], and labels, int64 [N], to the device."""
    return LabelledImages(torch.tensor(images).to(device), torch.tensor(labels).to(device))


def train_classifier(split: LabelledImages, class_count: int, params: ClassifierParams) -> Classifier:
    """Train the classifier with AdamW and a one-cycle learning rate; `params.mirror` mirrors half of the images.

    Args:
        split: the training images and labels.
        class_count: K.
        params: the architecture and the training.

    Returns:
        The classifier in evaluation mode, on the device of the images.

    Raises:
        InputError: there are fewer images than one batch needs.
    """
    images, labels = split
    if len(images) < params.batch_size:
        raise InputError(
            f"extractor.classifier.batch_size = {params.batch_size}, but the train split has only "
            f"{len(images)} images; lower it or raise prepare.train_limit"
        )
    torch.manual_seed(derive_seed(params.seed, "classifier"))
    channels, height, width = images.shape[1:]
    classifier = Classifier((channels, height, width), params.width, params.feature_dimension, class_count)
    classifier = classifier.to(images.device).to(memory_format=torch.channels_last)
    optimizer = AdamW(classifier.parameters(), params.learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    batches = len(images) // params.batch_size
    schedule = OneCycleLR(
        optimizer, params.learning_rate, total_steps=params.epochs * batches, pct_start=WARM_UP_SHARE
    )

    for epoch in range(params.epochs):
        loss_sum = torch.zeros((), device=images.device)
        for chosen, is_mirrored in _sample_batches(len(images), epoch, params):
            batch = _mirror(images[chosen.to(images.device)], is_mirrored.to(images.device))
            batch = pixels_to_tensor(batch).contiguous(memory_format=torch.channels_last)
            loss = cross_entropy(classifier(batch).logits, labels[chosen.to(labels.device)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum += loss.detach()
        print(
            f"classifier: epoch {epoch + 1}/{params.epochs}, loss {float(loss_sum) / batches:.3f}", flush=True
        )
    return classifier.eval()


@torch.inference_mode()
def measure_accuracy(classifier: Classifier, split: LabelledImages) -> float:
    """Compute the accuracy, in [0, 1], of a classifier in evaluation mode on a split."""
    correct = 0
    parts = zip(*(part.split(TEST_BATCH_SIZE) for part in split), strict=True)
    for images, labels in parts:
        batch = pixels_to_tensor(images).contiguous(memory_format=torch.channels_last)
        correct += int((classifier(batch).logits.argmax(1) == labels).sum())
    return correct / len(split.images)


def _sample_batches(count: int, epoch: int, params: ClassifierParams) -> list[tuple[Tensor, Tensor]]:
    """Sample an epoch's batches: for each, the indices of its images and which of them are mirrored.

    Images that do not fill a batch are left out.
    """
    random = torch.Generator().manual_seed(derive_seed(params.seed, "classifier epoch", epoch))
    order = torch.randperm(count, generator=random)
    is_mirrored = torch.rand(count, generator=random) < (0.5 if params.mirror else 0.0)
    full = count - count % params.batch_size
    parts = (part[:full].split(params.batch_size) for part in (order, is_mirrored))
    return list(zip(*parts, strict=True))


def _mirror(images: Tensor, is_mirrored: Tensor) -> Tensor:
    return torch.where(is_mirrored[:, None, None, None], images.flip(3), images)
