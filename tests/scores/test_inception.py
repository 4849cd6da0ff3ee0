"""The network compared with torch-fidelity's, with random weights because the published ones are a download."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from benchmarks.inception_weights import build_peer, draw_images, make_weights
from stages.scores.inception import IMAGES_AT_A_TIME, Inception, Precision
from stages.scores.tensorflow_resize import resize_bilinear

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_file(make_weights(), path)
    return path


def relative_deviation(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def run_peer(weights: Path, images: Tensor) -> tuple[Tensor, Tensor]:
    with build_peer(load_file(weights)) as peer, torch.inference_mode():
        features, logits = peer(images.expand(-1, 3, -1, -1))
    return features, logits


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 40)])
def test_features_and_logits_agree_with_torch_fidelity_to_a_hundred_thousandth(
    weights: Path, channels: int, side: int
) -> None:
    images = draw_images(3, side, channels)
    output = Inception(load_file(weights), CPU, "float32")(images)
    features, logits = run_peer(weights, images)
    assert features.std(0).mean() > 0.01
    assert relative_deviation(output.features, features) < 1e-5
    assert relative_deviation(output.logits, logits) < 1e-5


@pytest.mark.slow
def test_without_prepacked_convolutions_the_features_are_the_same(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw_images(2, 32)
    packed = Inception(load_file(weights), CPU, "float32")(images)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    plain = Inception(load_file(weights), CPU, "float32")(images)
    assert relative_deviation(plain.features, packed.features) < 1e-5


@pytest.mark.slow
def test_bfloat16_features_are_close_and_returned_in_float32(weights: Path) -> None:
    images = draw_images(2, 32)
    exact, rounded = (
        Inception(load_file(weights), CPU, precision)(images) for precision in ("float32", "bfloat16")
    )
    assert rounded.features.dtype == rounded.logits.dtype == torch.float32
    assert 1e-5 < relative_deviation(rounded.features, exact.features) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_features_of_the_same_images_have_the_same_bytes(weights: Path, precision: Precision) -> None:
    images = draw_images(2, 32)
    network = Inception(load_file(weights), CPU, precision)
    first, again = network(images), network(images)
    rebuilt = Inception(load_file(weights), CPU, precision)(images)
    assert torch.equal(first.features, again.features) and torch.equal(first.features, rebuilt.features)


@pytest.mark.slow
def test_images_of_several_batches_stay_in_order(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMAGES_AT_A_TIME, "cpu", 2)
    images = draw_images(3, 32)
    network = Inception(load_file(weights), CPU, "float32")
    together, last = network(images).features, network(images[2:]).features
    assert relative_deviation(together[2:], last) < 1e-5


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Conv2d_1a_3x3 is missing or unknown"):
        Inception({"fc.weight": torch.zeros(1008, 2048)}, CPU, "float32")


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (32, 32), (64, 48), (299, 299), (333, 400)])
def test_images_are_resized_as_tensorflow_1_did_to_the_bit(size: tuple[int, int]) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, *size), dtype=np.uint8))
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    assert torch.equal(resize_bilinear(images, 299), theirs)
