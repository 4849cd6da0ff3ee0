"""With random weights: the published ones are a download, but the network and its handling are the same."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from stages.common.artifacts import hash_file
from stages.extractor import inception
from stages.extractor.inception import make_inception, write_weights
from stages.extractor.params import InceptionParams
from stages.scores.card import WEIGHTS, Card, write_card
from stages.scores.extractor import load_extractor

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the published one: a pickled state dict of torch-fidelity's network."""
    path = tmp_path_factory.mktemp("published") / "weights.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: {})
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = FeatureExtractorInceptionV3("test", ["2048"], feature_extractor_weights_path=io.BytesIO())
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_seen_as_torch_fidelity_sees_them(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inception, "SHA256", hash_file(published))
    write_weights(published, hash_file(published))
    card: Card = make_card()
    write_card(card)
    images = np.random.default_rng(0).integers(0, 256, (4, channels, 28, 28), dtype=np.uint8)
    features, logits = next(iter(load_extractor(CPU).extract(images)))
    assert (features.shape, logits.shape) == ((4, 2048), (4, 1008))

    theirs = FeatureExtractorInceptionV3(
        "test", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(published)
    )
    expected = theirs(torch.from_numpy(np.repeat(images, 3 // channels, axis=1)))
    np.testing.assert_array_equal(features, expected[0].numpy())
    np.testing.assert_array_equal(logits, expected[1].numpy())


def make_card() -> Card:
    return Card(
        name="inception",
        title="a test's",
        feature_dimension=2048,
        class_count=1008,
        image_shape=None,
        width=None,
        weights_sha256="0" * 64,
        test_accuracy=None,
        train_count=None,
        test_count=None,
    )


def test_a_file_with_another_checksum_is_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("an unknown file was unpickled"))
    (tmp_path / "other.pth").write_bytes(b"something else")
    with pytest.raises(ValueError, match="other.pth has the sha256 .*, expected 6726825d"):
        make_inception(InceptionParams(weights_path="other.pth"))
    assert not WEIGHTS.exists()


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="weights_path = 'nowhere.pth' is no file"):
        make_inception(InceptionParams(weights_path="nowhere.pth"))


def test_a_failed_download_names_the_cures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inception, "URL_INCEPTION_V3", "http://127.0.0.1:9/weights.pth")
    with pytest.raises(ValueError, match="cannot be downloaded .* set extractor.name to classifier"):
        make_inception(InceptionParams(weights_path=None))
    assert not list(tmp_path.rglob("*.pth"))
