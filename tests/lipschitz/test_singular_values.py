"""The singular values of a layer agree with dense matrices, with torch's spectral norm and with each other."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from stages.lipschitz.layers import Layer
from stages.lipschitz.params import LipschitzParams
from stages.lipschitz.singular_values import SingularValues, estimate_sigma, measure_singular_values
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations

PARAMS = LipschitzParams(image_count=2, power_iterations=50, tolerance=1e-6)
CONVOLUTIONS: dict[str, tuple[nn.Module, tuple[int, int, int]]] = {
    "3x3": (nn.Conv2d(3, 5, 3, padding=1), (3, 9, 9)),
    "4x4, stride 2": (nn.Conv2d(3, 5, 4, stride=2, padding=1), (3, 8, 8)),
    "stride 2 at an odd side": (nn.Conv2d(2, 3, 4, stride=2, padding=1), (2, 7, 7)),
    "grouped, dilated": (nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2), (4, 8, 8)),
    "padded by reflection": (nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect"), (3, 9, 9)),
    "small enough to be dense": (nn.Conv2d(1, 2, 3, padding=1), (1, 4, 4)),
    "transposed": (nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1), (4, 5, 5)),
    "no weight": (nn.Conv2d(3, 5, 3, padding=1), (3, 9, 9)),
}


def make(name: str) -> Layer:
    """Make a convolution with random weights."""
    module, shape = CONVOLUTIONS[name]
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        weight = module.get_parameter("weight")
        weight.normal_(generator=random).mul_(0.0 if name == "no weight" else 1.0)
    return Layer(name, module, shape)


def measure(layer: Layer, params: LipschitzParams = PARAMS) -> SingularValues:
    return measure_singular_values(layer, params, torch.Generator().manual_seed(0))


def to_dense_matrix(layer: Layer) -> torch.Tensor:
    """Compute the dense matrix of a layer, with a column for each input pixel: float64 [outputs, inputs]."""
    module = layer.module.double()
    count = int(np.prod(layer.input_shape))
    basis = torch.eye(count, dtype=torch.float64).view(count, *layer.input_shape)
    with torch.no_grad():
        images: torch.Tensor = module(basis) - module(torch.zeros_like(basis[:1]))
    return images.flatten(1).T


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_norm_of_a_convolution_is_that_of_its_dense_matrix(name: str) -> None:
    layer = make(name)
    found, dense = measure(layer).operator_norm, to_dense_matrix(layer)
    assert found == pytest.approx(float(torch.linalg.matrix_norm(dense, 2)), rel=1e-6, abs=1e-12)


def test_the_tolerance_bounds_the_error_of_the_norm_of_a_convolution() -> None:
    layer = make("3x3")
    exact = float(torch.linalg.matrix_norm(to_dense_matrix(layer), 2))
    for tolerance in (1e-1, 1e-2, 1e-3):
        found = measure(layer, PARAMS.model_copy(update={"tolerance": tolerance})).operator_norm
        assert exact**2 * (1 - tolerance) <= found**2 <= exact**2 * (1 + 1e-9)


@pytest.mark.parametrize(("name", "overlap"), [("3x3", 3), ("4x4, stride 2", 2)])
def test_the_norm_of_a_convolution_is_between_sigma_and_the_patches_overlap_times_sigma(
    name: str, overlap: int
) -> None:
    norms = measure(make(name))
    assert norms.sigma < norms.operator_norm <= overlap * norms.sigma
    assert norms.operator_norm > 1.1 * norms.sigma, "the two are different things"


def test_a_kernel_of_ones_has_the_norm_of_its_closed_form() -> None:
    # The sigma of a row of nine ones is 3, but on a large constant image each output is nine times the input.
    module = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(module.weight)
    norms = measure(Layer("", module, (1, 40, 40)))
    assert norms.sigma == pytest.approx(3.0)
    # Along each axis the matrix is tridiagonal with the eigenvalues 1 + 2 cos(k pi / 41).
    assert norms.operator_norm == pytest.approx((1 + 2 * np.cos(np.pi / 41)) ** 2, rel=1e-6)


def test_the_norm_of_a_linear_layer_is_that_of_its_weight() -> None:
    module = nn.Linear(3, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
    norms = measure(Layer("", module, (3,)))
    assert norms.sigma_estimate == pytest.approx(4.0)
    assert norms[1:] == (4.0, 4.0, False)


def test_power_iteration_from_a_random_start_approaches_the_exact_value_from_below() -> None:
    matrix = torch.randn(20, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact = float(torch.linalg.svdvals(matrix)[0])
    found = [estimate_sigma(matrix, count, torch.Generator().manual_seed(0)) for count in (1, 5, 25, 500)]
    assert found == sorted(found)
    assert found[0] < 0.95 * exact
    assert found[-1] == pytest.approx(exact, rel=1e-9)


def test_the_estimate_of_a_normalised_layer_uses_the_trainings_vectors_and_agrees_with_torch() -> None:
    torch.manual_seed(0)
    ours, torchs = nn.Conv2d(4, 6, 3, bias=False), nn.Conv2d(4, 6, 3, bias=False)
    torchs.load_state_dict(ours.state_dict())
    original = ours.weight.detach().double().flatten(1)
    add_spectral_norm(ours)
    parametrizations.spectral_norm(torchs, n_power_iterations=200)
    norms = measure(Layer("", ours, (4, 8, 8)))
    assert norms.has_spectral_norm
    # The normalised weight is W / (u^T W v), so its estimate is 1 and its true norm shows the error of u and v.
    assert norms.sigma_estimate == pytest.approx(1.0, abs=1e-6)
    sigma = ours.parametrizations["weight"][0].sigma(original.float())  # type: ignore[index, union-attr]
    exact = float(torch.linalg.svdvals(original)[0])
    assert norms.sigma_error == pytest.approx(1 - float(sigma.detach()) / exact, abs=1e-6)
    # After 200 iterations torch's spectral norm is exact.
    settled = torch.linalg.svdvals(torchs.weight.detach().double().flatten(1))[0]
    assert norms.sigma * float(sigma.detach()) / exact == pytest.approx(float(settled), abs=1e-5)


def test_one_power_iteration_a_step_follows_weights_that_change() -> None:
    # This is the published report's claim, for a layer whose weights change by a few per cent a step.
    torch.manual_seed(0)
    module = nn.Conv2d(8, 16, 3)
    add_spectral_norm(module)
    original = module.parametrizations["weight"].original  # type: ignore[index, union-attr]
    errors = []
    for _ in range(50):
        with torch.no_grad():
            original.add_(0.02 * original.std() * torch.randn_like(original))
        run_power_iterations(module)
        errors.append(measure(Layer("", module, (8, 8, 8))).sigma_error)
    assert max(errors[15:]) < 0.05
