"""Extractors whose features of real images hardly vary are refused."""

from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from stages.common.artifacts import hash_file
from stages.scores.card import WEIGHTS, Card, read_card, write_card
from stages.scores.extractor import load_extractor
from stages.scores.feature_variation import check_variation, count_least_directions
from stages.scores.moments import StreamingMoments
from stages.scores.reference_statistics import extract_reference
from tests.scores.factories import make_extractor, make_images
from tests.scores.test_extractor import SCORES

DIMENSION = 8
NORMAL = np.random.default_rng(0).standard_normal((200, DIMENSION))


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """Return the card of an extractor that is in this folder: 12 features of images of 3 classes."""
    monkeypatch.chdir(tmp_path)
    make_extractor(width=4, feature_dimension=12)
    return read_card()


def project(*, directions: int) -> NDArray[np.float64]:
    return NORMAL @ np.diag(np.arange(DIMENSION) < directions)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (NORMAL, None),
        (NORMAL + 20.0, None),
        (project(directions=2), None),
        (np.zeros((200, DIMENSION)), "the same for all 200 images, or nearly so"),
        (np.ones((200, DIMENSION)), "the same for all 200 images, or nearly so"),
        (1.0 + 1e-7 * NORMAL, "the same for all 200 images, or nearly so"),
        (1.0 + 3e-3 * NORMAL, "the same for all 200 images, or nearly so"),
        (project(directions=1), "8 features vary along 1 directions only, and 2 or more are needed"),
        (project(directions=1) + 1e-5 * NORMAL, "vary along 1 directions only, and 2 or more are needed"),
        (
            5.0 + NORMAL[:, :1] * np.arange(DIMENSION),
            "vary along 1 directions only, and 2 or more are needed",
        ),
    ],
)
def test_features_that_hardly_vary_are_refused(
    card: Card, features: NDArray[np.float64], message: str | None
) -> None:
    moments = StreamingMoments(DIMENSION)
    moments.add(features)
    card = card.model_copy(update={"feature_dimension": DIMENSION})
    with nullcontext() if message is None else pytest.raises(ValueError, match=message):
        check_variation(moments.finish(), card, "real train")


@pytest.mark.parametrize(
    ("classes", "dimension", "accuracy", "least"),
    [(2, 64, 0.9, 2), (10, 64, 0.9, 9), (10, 16, 0.9, 4), (1008, 2048, None, 2)],
)
def test_more_classes_need_more_directions(
    card: Card, classes: int, dimension: int, accuracy: float | None, least: int
) -> None:
    changes = {"class_count": classes, "feature_dimension": dimension, "test_accuracy": accuracy}
    assert count_least_directions(card.model_copy(update=changes)) == least


def change_weights(card: Card, kind: Literal["dead", "blind", "narrow"]) -> None:
    """Make every feature 0, a constant, or the same multiple of one number."""
    state = load_file(WEIGHTS)
    weight, bias = state["to_features.0.weight"], state["to_features.0.bias"]
    if kind == "narrow":
        weight[:], bias[:] = weight[:1].abs(), 10.0
    else:
        weight.zero_()
        bias.fill_(-1.0 if kind == "dead" else 1.0)
    save_file(state, WEIGHTS)
    write_card(card.model_copy(update={"file_sha256": hash_file(WEIGHTS)}))


@pytest.mark.parametrize("kind", ["dead", "blind", "narrow"])
def test_an_extractor_whose_features_tell_nothing_apart_is_refused(
    card: Card, kind: Literal["dead", "blind", "narrow"]
) -> None:
    extract_reference(make_images(100), load_extractor(torch.device("cpu")), SCORES, "train")
    change_weights(card, kind)
    with pytest.raises(
        ValueError, match="real train: the classifier's .*(the same for all|vary along 1 dir)"
    ):
        extract_reference(make_images(100), load_extractor(torch.device("cpu")), SCORES, "train")


def test_real_images_that_are_all_the_same_are_refused(card: Card) -> None:
    images = np.tile(make_images(1), (100, 1, 1, 1))
    with pytest.raises(ValueError, match="the same for all 100 images, .*the images do not differ"):
        extract_reference(images, load_extractor(torch.device("cpu")), SCORES, "train")
