"""The three readings of a layer's norm, against dense matrices, torch's own spectral norm, and each other."""

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
    "written out": (nn.Conv2d(1, 2, 3, padding=1), (1, 4, 4)),
    "transposed": (nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1), (4, 5, 5)),
    "no weight": (nn.Conv2d(3, 5, 3, padding=1), (3, 9, 9)),
}


def make(name: str) -> Layer:
    """Draw a convolution's weights."""
    module, shape = CONVOLUTIONS[name]
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        weight = module.get_parameter("weight")
        weight.normal_(generator=random).mul_(0.0 if name == "no weight" else 1.0)
    return Layer(name, module, shape)


def measure(layer: Layer, params: LipschitzParams = PARAMS) -> SingularValues:
    return measure_singular_values(layer, params, torch.Generator().manual_seed(0))


def write_out(layer: Layer) -> torch.Tensor:
    """Write a layer as the matrix that it is, a column for each input pixel: float64 [outputs, inputs]."""
    module = layer.module.double()
    count = int(np.prod(layer.input_shape))
    basis = torch.eye(count, dtype=torch.float64).view(count, *layer.input_shape)
    with torch.no_grad():
        images: torch.Tensor = module(basis) - module(torch.zeros_like(basis[:1]))
    return images.flatten(1).T


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolutions_norm_is_that_of_its_dense_matrix(name: str) -> None:
    layer = make(name)
    found, dense = measure(layer).operator_norm, write_out(layer)
    assert found == pytest.approx(float(torch.linalg.matrix_norm(dense, 2)), rel=1e-6, abs=1e-12)


def test_the_tolerance_bounds_the_error_of_a_convolutions_norm() -> None:
    layer = make("3x3")
    exact = float(torch.linalg.matrix_norm(write_out(layer), 2))
    for tolerance in (1e-1, 1e-2, 1e-3):
        found = measure(layer, PARAMS.model_copy(update={"tolerance": tolerance})).operator_norm
        assert exact**2 * (1 - tolerance) <= found**2 <= exact**2 * (1 + 1e-9)


@pytest.mark.parametrize(("name", "overlap"), [("3x3", 3), ("4x4, stride 2", 2)])
def test_the_reshaped_weight_bounds_a_convolution_only_with_the_patches_overlap(
    name: str, overlap: int
) -> None:
    norms = measure(make(name))
    assert norms.sigma < norms.operator_norm <= overlap * norms.sigma
    assert norms.operator_norm > 1.1 * norms.sigma, "the two are different things"


def test_one_weight_everywhere_stretches_an_image_by_the_number_of_its_patches() -> None:
    # All ones, one channel: sigma of the row of nine ones is 3; on a large constant image each output is nine inputs.
    module = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(module.weight)
    norms = measure(Layer("", module, (1, 40, 40)))
    assert norms.sigma == pytest.approx(3.0)
    # Eigenvalues 1 + 2 cos(k pi / 41) of the path's matrix, a factor an axis.
    assert norms.operator_norm == pytest.approx((1 + 2 * np.cos(np.pi / 41)) ** 2, rel=1e-6)


def test_a_linear_layers_norm_is_its_matrixs() -> None:
    module = nn.Linear(3, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
    norms = measure(Layer("", module, (3,)))
    assert norms.sigma_estimate == pytest.approx(4.0)
    assert norms[1:] == (4.0, 4.0, False)


def test_power_iteration_from_a_random_start_nears_the_exact_value_from_below() -> None:
    matrix = torch.randn(20, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact = float(torch.linalg.svdvals(matrix)[0])
    found = [estimate_sigma(matrix, count, torch.Generator().manual_seed(0)) for count in (1, 5, 25, 500)]
    assert found == sorted(found)
    assert found[0] < 0.95 * exact
    assert found[-1] == pytest.approx(exact, rel=1e-9)


def test_the_estimate_of_a_normalised_layer_is_the_trainings_and_agrees_with_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Conv2d(4, 6, 3, bias=False), nn.Conv2d(4, 6, 3, bias=False)
    theirs.load_state_dict(ours.state_dict())
    original = ours.weight.detach().double().flatten(1)
    add_spectral_norm(ours)
    parametrizations.spectral_norm(theirs, n_power_iterations=200)
    norms = measure(Layer("", ours, (4, 8, 8)))
    assert norms.has_spectral_norm
    # The weight in use is W / (u^T W v), so that u and v say 1 of it, and its true norm tells what they missed.
    assert norms.sigma_estimate == pytest.approx(1.0, abs=1e-6)
    sigma = ours.parametrizations["weight"][0].sigma(original.float())  # type: ignore[index, union-attr]
    exact = float(torch.linalg.svdvals(original)[0])
    assert norms.sigma_error == pytest.approx(1 - float(sigma.detach()) / exact, abs=1e-6)
    # torch's, fully iterated, is the exact one.
    settled = torch.linalg.svdvals(theirs.weight.detach().double().flatten(1))[0]
    assert norms.sigma * float(sigma.detach()) / exact == pytest.approx(float(settled), abs=1e-5)


def test_one_iteration_an_update_follows_weights_that_move() -> None:
    # The report's claim, of a layer whose weights move by a few per cent an update.
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
