"""The gradient at the input and its own gradient equal torch's for any network, with no unneeded operation."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.baselines import differentiate_plainly
from stages.networks.double_backward import compute_input_gradient

SHAPE = (4, 3, 8, 8)


def make_piecewise_linear() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(6, 8, 3, padding=1, bias=False, groups=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(8 * 4 * 4, 1), nn.Flatten(0)),
    )


def make_normalised() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, (3, 1), 1, "same"), nn.BatchNorm2d(6), nn.LeakyReLU(0.1)),
        *(nn.Conv2d(6, 4, 3, 2, 1, dilation=2), nn.GroupNorm(1, 4), nn.Softplus()),
        *(nn.Flatten(), nn.Linear(4 * 3 * 3, 1), nn.Flatten(0)),
    )


def make_curved() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.Conv2d(6, 8, 3), nn.Softplus()),
        *(nn.Flatten(), nn.Linear(8 * 2 * 2, 1), nn.Flatten(0)),
    )


class OtherCalls(nn.Module):
    """Calls the replaced functions in every other way that torch allows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 3, 3, 3))
        self.other = nn.Parameter(torch.randn(6, 6, 3, 3))

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.conv2d(input=images, weight=self.weight).relu()
        maps = torch.relu(torch.conv2d(maps, self.other, padding=(1, 1)))
        return functional.leaky_relu(input=maps, negative_slope=0.3).square().sum((1, 2, 3))


@pytest.mark.parametrize("make", [make_piecewise_linear, make_normalised, OtherCalls])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_equal_torchs(make: Callable[[], nn.Module], layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = make().double().to(memory_format=layout)
    images = torch.randn(SHAPE, dtype=torch.float64).to(memory_format=layout).requires_grad_(True)
    found = []
    for compute in (differentiate_plainly, compute_input_gradient):
        gradient = compute(network, images)
        loss = (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
        found.append(
            (gradient, *torch.autograd.grad(loss, list(network.parameters()), materialize_grads=True))
        )
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain)


def test_under_autocast_the_network_runs_in_bfloat16_and_its_gradients_are_float32() -> None:
    torch.manual_seed(0)
    network = make_piecewise_linear()
    weights = [weight for weight in network.parameters() if weight.ndim > 1]
    images = torch.randn(SHAPE, requires_grad=True)
    found = []
    for is_autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, is_autocast):
            gradient = compute_input_gradient(network, images)
            penalty = gradient.square().sum()
        found.append((gradient, *torch.autograd.grad(penalty, weights)))
    for exact, reduced in zip(*found, strict=True):
        assert reduced.dtype == torch.float32
        assert 0.0 < float((reduced - exact).detach().norm() / exact.detach().norm()) < 0.03


def count_operations(network: nn.Module, images: Tensor) -> dict[str, int]:
    """Count the operations that compute the gradient at the images and that gradient's gradient at the weights."""
    with torch.profiler.profile() as profile:
        compute_input_gradient(network, images).square().sum().backward()
    return {event.key: event.count for event in profile.key_averages()}


def test_no_gradient_is_computed_that_is_not_needed() -> None:
    counts = count_operations(make_piecewise_linear(), torch.randn(SHAPE, requires_grad=True))
    # Each of the two convolutions runs once forward and once in the second backward pass, and has two gradients: one
    # with respect to its maps and one with respect to its weight.
    assert counts["aten::convolution"] == 4
    assert counts["aten::convolution_backward"] == 4


def test_the_second_backward_pass_computes_no_gradient_of_the_images() -> None:
    images = torch.randn(SHAPE, requires_grad=True)
    counts = count_operations(make_curved(), images)
    # The first backward pass needs the gradient of each convolution's maps (2). The second needs that of each weight
    # twice (4), and that of the maps of the second convolution (1).
    assert counts["aten::convolution_backward"] == 7
    assert images.grad is None


class OneConv(nn.Module):
    """A network with one convolution, whose kernel is an argument."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, images: Tensor) -> Tensor:
        return functional.conv2d(images, self.kernel, stride=2, padding=1).sigmoid().square().sum((1, 2, 3))


def test_the_third_derivative_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, *SHAPE[1:], dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(6, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda at: compute_input_gradient(OneConv(at), images).sum((2, 3)), kernel, fast_mode=True
    )
