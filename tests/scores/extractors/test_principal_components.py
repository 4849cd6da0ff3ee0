from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from stages.common.artifacts import images_file, write_array
from stages.scores.card import WEIGHTS, write_card
from stages.scores.extractor import load_extractor
from stages.scores.extractors import principal_components
from stages.scores.extractors.principal_components import Options

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.uint8]:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    # Directions of falling variance, so that the components are well defined.
    factors = random.standard_normal((300, 12)) @ random.standard_normal((12, 72))
    drawn = np.clip(128 + 20 * factors + 3 * random.standard_normal((300, 72)), 0, 255)
    images: NDArray[np.uint8] = drawn.astype(np.uint8).reshape(300, 2, 6, 6)
    write_array(images_file("train"), images)
    return images


def see(options: Options, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    write_card(principal_components.make(options, CPU))
    return np.concatenate([features for features, _ in load_extractor(CPU).extract(images)])


@pytest.mark.parametrize("is_whitened", [False, True])
def test_the_projections_are_those_of_scikit_learn(is_whitened: bool, images: NDArray[np.uint8]) -> None:
    features = see(Options(dimension=10, is_whitened=is_whitened), images)
    pixels = images.reshape(300, -1) / 127.5 - 1.0
    peer = PCA(10, whiten=is_whitened, svd_solver="full").fit(pixels)
    wanted = peer.transform(pixels)
    signs = np.sign((features * wanted).sum(axis=0))
    np.testing.assert_allclose(features * signs, wanted, atol=1e-4 * np.abs(wanted).max())
    if is_whitened:
        np.testing.assert_allclose(features.std(axis=0, ddof=1), 1.0, rtol=1e-4)


def test_all_components_keep_the_distances_between_images(images: NDArray[np.uint8]) -> None:
    features = see(Options(dimension=72, is_whitened=False), images)
    pixels = images.reshape(300, -1) / 127.5 - 1.0
    first = np.linalg.norm(features[:5, None] - features[None, :5], axis=-1)
    np.testing.assert_allclose(first, np.linalg.norm(pixels[:5, None] - pixels[None, :5], axis=-1), atol=1e-4)


def test_the_same_images_give_the_same_weights(images: NDArray[np.uint8]) -> None:
    options = Options(dimension=10, is_whitened=False)
    first, second = (principal_components.make(options, CPU).weights_sha256 for _ in range(2))
    assert first == second
    assert principal_components.make(Options(dimension=9, is_whitened=False), CPU).weights_sha256 != first


@pytest.mark.parametrize(
    ("kept", "dimension", "message"),
    [
        (300, 73, r"images \[2, 6, 6\] have 72 numbers; allowed are dimension = 73 to"),
        (5, 10, "dimension = 10: the 5 training images vary along fewer directions; lower it"),
    ],
)
def test_more_components_than_there_are_directions_are_refused(
    kept: int, dimension: int, message: str, images: NDArray[np.uint8]
) -> None:
    write_array(images_file("train"), images[:kept])
    with pytest.raises(ValueError, match=message):
        principal_components.make(Options(dimension=dimension, is_whitened=False), CPU)
    assert not WEIGHTS.exists()
