"""The analysis of a whole discriminator agrees with values computed by hand or by another method."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stages.lipschitz.analysis import analyse_discriminator
from stages.lipschitz.gradients import compute_gradient_norms
from stages.lipschitz.layers import trace_layers
from stages.lipschitz.params import LipschitzParams
from stages.networks.gan import Batch, Gan
from stages.networks.normalisers import BatchNormWithoutGain, LayerNormWithoutGain
from tests.lipschitz.tiny_gans import OPTIONS, SHAPE, build

PARAMS = LipschitzParams(image_count=6, power_iterations=50, tolerance=1e-8)


def sample_images(seed: int = 1) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    real, fake = (torch.rand(6, *SHAPE, generator=random, dtype=torch.float64) * 2 - 1 for _ in range(2))
    return {"real": real, "fake": fake, "interpolated": (real + fake) / 2}


def measure(gan: Gan, images: Tensor) -> Tensor:
    batch = Batch(images)
    return compute_gradient_norms(gan, trace_layers(gan, batch).layers, batch).norms


def compute_finite_differences(gan: Gan, images: Tensor, step: float = 1e-5) -> Tensor:
    """Compute the gradient norms by central differences along each pixel of each image."""
    norms = []
    for index in range(len(images)):
        slopes = []
        for pixel in range(images[0].numel()):
            moved = [images.clone(), images.clone()]
            for one, sign in zip(moved, (1, -1), strict=True):
                one[index].view(-1)[pixel] += sign * step
            up, down = (gan.score(Batch(one))[index].item() for one in moved)
            slopes.append((up - down) / (2 * step))
        norms.append(math.sqrt(sum(slope * slope for slope in slopes)))
    return torch.tensor(norms, dtype=torch.float64)


def make_linear() -> Gan:
    """Make a discriminator of three linear layers, 64 -> 4 -> 2 -> 1, all of whose quantities are known by hand."""
    gan = build("sngan")
    first, second, third = nn.Linear(64, 4), nn.Linear(4, 2), nn.Linear(2, 1)
    with torch.no_grad():
        for layer in (first, second, third):
            layer.weight.zero_()
        first.weight[0, 0], first.weight[1, 1] = 2.0, 3.0
        second.weight[0, 0], second.weight[1, 1] = 5.0, 1.0
        third.weight[0, 0], third.weight[0, 1] = 0.6, 0.8
    gan.discriminator = nn.Sequential(nn.Flatten(), first, second, third, nn.Flatten(0)).double()
    return gan


def test_every_quantity_of_a_linear_network_equals_the_one_computed_by_hand() -> None:
    row = analyse_discriminator(make_linear(), sample_images(), PARAMS, seed=0)
    assert [layer["sigma"] for layer in row["layers"]] == pytest.approx([3.0, 5.0, 1.0])
    assert [layer["operator_norm"] for layer in row["layers"]] == pytest.approx([3.0, 5.0, 1.0])
    assert [layer["sigma_estimate"] for layer in row["layers"]] == pytest.approx([3.0, 5.0, 1.0])
    assert row["operator_norm_product"] == row["sigma_product"] == pytest.approx(15.0)
    # D(x) = 0.6 * 5 * 2 * x0 + 0.8 * 1 * 3 * x1: the layers' first singular vectors are not aligned.
    gradient_norm = math.hypot(6.0, 2.4)
    for kind in ("real", "fake", "interpolated"):
        expected = {"mean": gradient_norm, "deviation": 0.0, "largest": gradient_norm}
        assert row["gradient_norm"][kind] == pytest.approx(expected, abs=1e-6)
        assert row["local_bound"][kind]["largest"] == pytest.approx(15.0)
        assert row["share_of_bound"][kind]["largest"] == pytest.approx(gradient_norm / 15.0)


def test_the_bound_is_reached_if_the_layers_singular_vectors_are_aligned() -> None:
    gan = make_linear()
    with torch.no_grad():
        layers = [layer for layer in gan.discriminator.children() if isinstance(layer, nn.Linear)]
        layers[0].weight[0, 0], layers[0].weight[1, 1] = 3.0, 2.0
        layers[2].weight.copy_(torch.tensor([[1.0, 0.0]]))
    row = analyse_discriminator(gan, sample_images(), PARAMS, seed=0)
    assert row["share_of_bound"]["real"]["largest"] == pytest.approx(1.0)


@pytest.mark.parametrize("gan", ["sngan", "layer_norm", "began", "ebgan"])
def test_the_gradient_agrees_with_finite_differences(gan: str) -> None:
    one, images = build(gan), sample_images()["real"][:2]
    assert measure(one, images).tolist() == pytest.approx(
        compute_finite_differences(one, images).tolist(), rel=1e-4
    )


def test_batch_norms_statistics_are_constants_of_the_derivative_and_its_output_is_unchanged() -> None:
    gan, images = build("batch_norm"), sample_images()["real"]
    with torch.no_grad():
        for parameter in gan.discriminator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    fixed_gan = fix_statistics(gan, images)
    assert fixed_gan.score(Batch(images)).tolist() == pytest.approx(
        gan.score(Batch(images)).tolist(), rel=1e-9
    )
    expected = (
        torch.autograd.functional.jacobian(lambda x: fixed_gan.score(Batch(x)).sum(), images)
        .flatten(1)
        .norm(dim=1)
    )
    assert measure(gan, images).tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def fix_statistics(gan: Gan, images: Tensor) -> Gan:
    """Replace each batch norm by the affine map that it applies to these images."""
    fixed_gan = build("batch_norm")
    fixed_gan.load_state_dict(gan.state_dict())
    layers: Any = fixed_gan.discriminator.encoder.layers  # type: ignore[union-attr]
    maps = images
    for index, layer in enumerate(layers):
        if isinstance(layer, BatchNormWithoutGain):
            fixed = nn.BatchNorm2d(maps.shape[1]).double().eval()
            fixed.running_mean, fixed.running_var = (
                maps.detach().mean((0, 2, 3)),
                maps.detach().var((0, 2, 3), correction=0),
            )
            fixed.bias = layer.offset
            layers[index] = fixed
        maps = layers[index](maps)
    return fixed_gan


def test_the_jacobian_norm_of_layer_norm_is_that_of_its_jacobian_by_autograd() -> None:
    gan = build("layer_norm")
    norm = LayerNormWithoutGain(1, 8)
    gan.discriminator = nn.Sequential(norm, nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)).double()
    image = sample_images()["real"]
    batch = Batch(image)
    measured = compute_gradient_norms(gan, trace_layers(gan, batch).layers, batch)
    for index in range(2):
        jacobian = torch.autograd.functional.jacobian(norm, image[index : index + 1]).view(64, 64)
        assert float(measured.jacobian_norms["0"][index]) == pytest.approx(
            float(torch.linalg.matrix_norm(jacobian, 2))
        )


@pytest.mark.parametrize("gan", OPTIONS)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_no_gradient_norm_exceeds_the_bound_at_its_image(gan: str, scale: float) -> None:
    one = build(gan)
    with torch.no_grad():
        for parameter in one.discriminator.parameters():
            parameter.mul_(scale)
    row = analyse_discriminator(one, sample_images(), PARAMS, seed=0)
    shares = [row["share_of_bound"][kind]["largest"] for kind in ("real", "fake", "interpolated")]
    assert 0.0 < max(shares) <= 1.0


@pytest.mark.parametrize("gan", ["layer_norm", "batch_norm"])
def test_with_a_normaliser_the_gradient_norm_can_exceed_the_product_of_the_layers_norms(gan: str) -> None:
    # A normaliser amplifies images of little contrast.
    images = {kind: 0.01 * image for kind, image in sample_images().items()}
    row = analyse_discriminator(build(gan), images, PARAMS, seed=0)
    assert row["gradient_norm"]["real"]["largest"] > row["operator_norm_product"]
    assert max(normaliser["largest_jacobian_norm"] for normaliser in row["normalisers"]) > 10.0


def test_spectral_normalisation_brings_the_matrices_to_norm_1_and_the_operators_stay_above_it() -> None:
    row = analyse_discriminator(build("sngan"), sample_images(), PARAMS, seed=0)
    assert [layer["sigma"] for layer in row["layers"]] == pytest.approx([1.0] * 4, abs=0.05)
    assert row["sigma_product"] == pytest.approx(1.0, abs=0.1)
    assert row["operator_norm_product"] > 2.0


def test_without_a_chain_there_are_norms_and_gradients_but_no_bound() -> None:
    gan = make_linear()
    gan.discriminator = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0)).double()
    row = analyse_discriminator(gan, sample_images(), PARAMS, seed=0)
    assert row["local_bound"] == row["share_of_bound"] == dict.fromkeys(("real", "fake", "interpolated"))
    assert row["gradient_norm"]["real"]["mean"] > 0


def test_a_score_that_is_not_one_number_an_image_is_refused() -> None:
    gan = make_linear()
    gan.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).double()
    with pytest.raises(
        ValueError,
        match=r"stages.gans.sngan: score returns the shape \[6, 1\] for images of the shape \[6, 1, 8, 8\]",
    ):
        measure(gan, sample_images()["real"])


def test_the_same_seed_gives_the_same_row() -> None:
    assert analyse_discriminator(build("wgan_gp"), sample_images(), PARAMS, seed=3) == analyse_discriminator(
        build("wgan_gp"), sample_images(), PARAMS, seed=3
    )
