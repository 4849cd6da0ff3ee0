"""Spectral normalisation agrees with torch's, in its values and in its gradients, in every memory layout."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from stages.networks.discriminator import ConvDiscriminator
from stages.networks.params import NetworksParams
from stages.networks.spectral_norm import SpectralNorm, add_spectral_norm, run_power_iterations
from stages.networks.weights import init_weights

NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)


def test_one_power_iteration_a_step_agrees_with_torch_to_the_last_bits() -> None:
    torch.manual_seed(0)
    torchs = nn.Conv2d(4, 6, 3, bias=False)
    ours = nn.Conv2d(4, 6, 3, bias=False)
    ours.load_state_dict(torchs.state_dict())
    add_spectral_norm(ours)
    parametrizations.spectral_norm(torchs)
    state = torchs.state_dict()
    ours.load_state_dict(
        {
            "parametrizations.weight.original": state["parametrizations.weight.original"],
            "parametrizations.weight.0.u": state["parametrizations.weight.0._u"],
            "parametrizations.weight.0.v": state["parametrizations.weight.0._v"],
        }
    )
    for _ in range(3):
        run_power_iterations(ours)
        expected = torchs.weight  # torch iterates whenever the weight is read in training mode
        assert torch.allclose(ours.weight, expected, rtol=0, atol=1e-7)
        with torch.no_grad():
            for layer in (ours, torchs):
                layer.parametrizations["weight"].original.add_(0.01)  # type: ignore[index, union-attr]


def test_the_gradient_of_the_normalisation_is_equation_11_of_the_paper() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 7, requires_grad=True)
    norm = SpectralNorm(weight)
    projection = torch.randn(5, 7)
    (ours,) = torch.autograd.grad((norm(weight) * projection).sum(), weight)
    # Miyato et al. 2018, equation 11, with lambda the inner product of the projection and the normalised weight.
    sigma = norm.sigma(weight)
    share = (projection * weight / sigma).sum()
    assert torch.allclose(ours, (projection - share * torch.outer(norm.u, norm.v)) / sigma, atol=1e-6)


def make_weight(layout: torch.memory_format) -> tuple[torch.Tensor, SpectralNorm]:
    torch.manual_seed(0)
    weight = torch.randn(5, 4, 3, 3, dtype=torch.float64).to(memory_format=layout).requires_grad_(True)
    return weight, SpectralNorm(weight.detach().float()).double()


LAYOUTS = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "last"]
)


@LAYOUTS
def test_first_and_second_derivatives_agree_with_finite_differences(layout: torch.memory_format) -> None:
    weight, norm = make_weight(layout)
    assert torch.autograd.gradcheck(norm, weight)
    assert torch.autograd.gradgradcheck(norm, weight)


def test_the_memory_layout_changes_neither_the_vectors_nor_the_norm() -> None:
    (plain, plain_norm), (last, last_norm) = (
        make_weight(torch.contiguous_format),
        make_weight(torch.channels_last),
    )
    for norm, weight in ((plain_norm, plain), (last_norm, last)):
        norm.run_power_iteration(weight)
    assert torch.allclose(plain_norm.u, last_norm.u)
    assert torch.allclose(plain_norm.v, last_norm.v)
    assert torch.allclose(plain_norm(plain), last_norm(last))
    assert last_norm(last).is_contiguous(memory_format=torch.channels_last)


def test_after_warm_up_every_layer_has_spectral_norm_one() -> None:
    torch.manual_seed(0)
    discriminator = ConvDiscriminator((1, 28, 28), NARROW)
    init_weights(discriminator)
    add_spectral_norm(discriminator)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert len(norms) == 6
    assert norms == pytest.approx([1.0] * 6, rel=0.05)


def test_the_forward_pass_changes_no_state() -> None:
    layer = nn.Linear(6, 4)
    add_spectral_norm(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(torch.randn(3, 6))
    layer.eval()(torch.randn(3, 6))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert any(name.endswith(".u") for name in before), "u is part of the state"


def test_a_weight_that_changes_after_the_power_iteration_is_not_divided_by_the_cached_sigma() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    add_spectral_norm(layer)
    run_power_iterations(layer)
    with torch.no_grad():
        layer.parametrizations["weight"].original.mul_(3.0)  # type: ignore[index, union-attr]
    assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(1.0, rel=0.05)


def test_a_graph_older_than_the_last_power_iteration_cannot_be_differentiated() -> None:
    layer = nn.Linear(6, 4)
    add_spectral_norm(layer)
    scores = layer(torch.randn(3, 6)).sum()
    run_power_iterations(layer)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        scores.backward()
